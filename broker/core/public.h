/**
 * @file broker/core/public.h
 * State of the public stream inside the broker's core (public.c, publish.c).
 *
 * A child says what it holds with HELLO {origin: the author, stream: public}; the answer is RESUME
 * with what the parent holds and, when that is more, batches up to PUBLIC_ANSWER bytes. Its next
 * HELLO, after its commit, acknowledges them and asks for more. A HELLO that says nothing new asks
 * for the same again.
 */
#pragma once

#include "broker/core/broker.h"

#define PUBLIC_ANSWER   (1024u * 1024u)       /**< Bytes in one answer, and one batch more. */
#define PUBLIC_FLIGHT   (16u * 1024u * 1024u) /**< Bytes of all answers under way. */
#define PUBLIC_AGAIN_NS LTH_MONO_S(60)        /**< A child says again what it holds. */
#define PUBLIC_SOON_NS  LTH_MONO_S(5)         /**< The same, when something seems to be lost. */

/** A child that reads the stream. */
typedef struct broker_reader {
    bool asked;
    bool due;        /**< An answer is to be made. */
    lth_position at; /**< What it holds, by its last word. */
    uint32_t sent_epoch;
    uint64_t sent_seq; /**< Last batch of the answer under way. */
    uint64_t bytes;    /**< Of that answer; 0 = none under way. */
    lth_mono since;
} broker_reader;

typedef struct broker_public {
    const lth_org *author; /**< NULL: this node is not in its registry. */
    bool loaded;           /**< The rest is as stored. */
    lth_position at;       /**< What is held here. */
    uint64_t through;      /**< Last batch of the publication that `at` belongs to. */
    lth_origin_state state;
    uint64_t taken_ms;  /**< When `at` came here. */
    lth_position above; /**< What the parent said it holds. */
    lth_mono ask_at, asked_at;
    bool moved; /**< In the step under way. */
    uint64_t flight;
    uint32_t turn; /**< Peer that is looked at first. */
} broker_public;
