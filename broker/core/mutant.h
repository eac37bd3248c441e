/**
 * @file broker/core/mutant.h
 * Planted protocol bugs: the simulator must find every one of them (built with LTH_MUTANTS only).
 *
 *  n  bug                                                              where
 *  1  LINK_ACK names one entry more than was received                  receipts.c
 *  2  an entry of `out` counts as acknowledged when it is sent         forward.c
 *  3  the merge takes the later arrival, not the greatest version      merge.c
 *  4  a gap in an origin's chain is accepted                           continuity.c
 *  5  an epoch needs no grant, and a closed one goes on                continuity.c
 *  6  a duplicate is merged and counted again                          continuity.c
 *  7  what is sent is the mask of the merge, not the policy in force   shape.c
 *  8  a re-queue leaves out the first batch that was asked for         requeue.c
 *  9  a held record is merged all the same                             merge.c
 * 10  a fork is taken for a duplicate                                  continuity.c
 * 11  a RANGE ends records of its own batch too                        range.c
 * 12  the natural key of a deleted record stays taken                  merge.c
 * 13  a receipt always says that the batch came whole                  receipts.c
 * 14  nobody who waits for a natural key is told when it comes or goes wanted.c
 * 15  the entry broker does not state what it merged or held later     again.c
 * 16  a record is merged though the one it names is not there          reference.c
 * 17  a snapshot may end as much as it likes                           guard.c
 * 18  a statement of the entry broker is kept and not applied          release.c
 * 19  a statement that was lost on the link is not sent again          release.c
 * 41  an answer of the public stream leaves out its first batch        public.c
 * 43  what another record has, a record may have too                    unique.c
 */
#pragma once

#ifdef LTH_MUTANTS
extern int lth_mutant;
#define LTH_MUTANT(n) (lth_mutant == (n))
#else
#define LTH_MUTANT(n) 0
#endif
