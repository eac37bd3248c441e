# Files that strangers send. Their seeds are fixtures of the readers' own tests.
lth_fuzz(fuzz_sheet_file SOURCES fuzz_sheet_file.c sheet_check.c LIBS lth_sheet
         CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/sheet_file)
lth_fuzz(fuzz_sheet_parts SOURCES fuzz_sheet_parts.c sheet_check.c LIBS lth_sheet PkgConfig::zip
         PkgConfig::expat CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/sheet_parts)
