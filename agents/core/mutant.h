/**
 * @file agents/core/mutant.h
 * Protocol bugs planted on purpose: the simulator, built with LTH_MUTANTS, must find each of them.
 * In every other build LTH_MUTANT() is the constant 0.
 *
 * | number | bug                                                                  | file       |
 * |--------|----------------------------------------------------------------------|------------|
 * | 20     | the hash map is stored one step before the batch: a crash loses rows | seal.c     |
 * | 21     | rows not seen by a scan that broke off count as deleted              | round.c    |
 * | 22     | resumes from the broker's number without comparing the hash          | resume.c   |
 * | 23     | goes on with the old record numbers after a granted epoch            | resume.c   |
 * | 24     | prunes on a receipt that is merely durable                           | outbox.c   |
 * | 25     | the guards let everything pass                                       | guard.c    |
 * | 26     | new rows go on while a guard of their file waits                     | guard.c    |
 * | 27     | a confirmation is not remembered                                     | acts.c     |
 * | 28     | of two rows of one pupil in a file both are taken                    | match.c    |
 * | 29     | an older file read again turns newer ones back                       | upload.c   |
 * | 30     | a file read again after a crash is another upload                    | upload.c   |
 * | 31     | what a person withdrew is done all the same                          | guard.c    |
 * | 32     | an answer workbook ends whom it does not name                        | round.c    |
 * | 33     | a row that may be anybody's keeps nobody of its class                | sweep.c    |
 * | 34     | a record that a question is about ends                               | sweep.c    |
 * | 35     | the same bytes after newer ones are not noticed                      | upload.c   |
 * | 36     | "the same pupil" is taken as "a new pupil"                           | acts.c     |
 * | 42     | what a publication ends stays                                        | public.c   |
 */
#pragma once

#ifdef LTH_MUTANTS
extern int lth_mutant;
#define LTH_MUTANT(n) (lth_mutant == (n))
#else
#define LTH_MUTANT(n) 0
#endif
