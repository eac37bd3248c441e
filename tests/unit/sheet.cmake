# Tables in files: against fixtures that independent readers explained, and what is written.
lth_test(test_sheet_files SOURCES test_sheet_files.c test_sheet_kit.c LIBS lth_sheet
         ARGS ${CMAKE_SOURCE_DIR}/tests/fixtures/sheets)
