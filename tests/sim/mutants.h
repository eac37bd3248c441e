/**
 * @file tests/sim/mutants.h
 * The proof that the simulator finds bugs: each planted one (mutant.h of both cores).
 */
#pragma once

/** Plant bug @p n; 0 = none. Nothing happens in a build without them. */
void sim_mutant_set(int n);
/** For every planted bug, seeds until one finds it. 0 if all are found and the unharmed cores pass
 * the same seeds. */
int sim_mutants(void);
