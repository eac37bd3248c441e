# The same seeds in two processes: the trace hashes must be equal, and every seed must pass.
foreach(run first second)
  execute_process(COMMAND ${SIM} --seeds ${SEEDS} --print-hash OUTPUT_VARIABLE ${run}
                  ERROR_VARIABLE said_${run} RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "exit ${code}\n${said_${run}}")
  endif()
endforeach()
if(NOT first STREQUAL second OR first STREQUAL "")
  message(FATAL_ERROR "two runs of the same seeds differ:\n${first}\n${second}")
endif()
