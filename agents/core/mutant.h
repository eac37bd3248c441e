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
 * | 42     | what a publication ends stays                                        | public.c   |
 */
#pragma once

#ifdef LTH_MUTANTS
extern int lth_mutant;
#define LTH_MUTANT(n) (lth_mutant == (n))
#else
#define LTH_MUTANT(n) 0
#endif
