# Tables in files: against fixtures that independent readers explained, and what is written.
lth_test(test_sheet_files SOURCES test_sheet_files.c test_sheet_kit.c LIBS lth_sheet
         ARGS ${CMAKE_SOURCE_DIR}/tests/fixtures/sheets)
lth_test(test_sheet_limits SOURCES test_sheet_limits.c test_sheet_kit.c
         LIBS lth_sheet PkgConfig::zip)
lth_test(test_sheet_writer SOURCES test_sheet_writer.c test_sheet_kit.c LIBS lth_sheet
         ARGS ${CMAKE_CURRENT_BINARY_DIR}/answer.xlsx)
add_test(NAME test_sheet_writer_openpyxl
         COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/test_sheet_writer.py
                 ${CMAKE_CURRENT_BINARY_DIR}/answer.xlsx)
set_tests_properties(test_sheet_writer PROPERTIES FIXTURES_SETUP sheet_answer)
set_tests_properties(test_sheet_writer_openpyxl PROPERTIES FIXTURES_REQUIRED sheet_answer LABELS unit)
