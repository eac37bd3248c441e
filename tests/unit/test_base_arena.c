/* The bump allocator: alignment, limits, re-use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lth/bytes.h"

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 3000 };
    static uint8_t *pieces[N];
    lth_arena *arena = lth_arena_new(1 << 22);
    assert_non_null(arena);
    for (size_t i = 0; i < N; i++) {
        pieces[i] = lth_arena_alloc(arena, i % 97);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 255), i % 97);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < i % 97; k++) {
            assert_int_equal(pieces[i][k], i & 255);
        }
    }
    lth_arena_free(&arena);
    assert_null(arena);
    lth_arena_free(&arena);
}

static void the_limit_holds_and_is_reached(void **state)
{
    (void)state;
    lth_arena *arena = lth_arena_new(100000);
    assert_null(lth_arena_alloc(arena, 100001));
    assert_null(lth_arena_alloc(arena, SIZE_MAX));
    assert_int_equal(lth_arena_used(arena), 0);
    size_t n = 0;
    while (lth_arena_alloc(arena, 1000) != NULL) {
        n++;
    }
    assert_true(n >= 95 && n <= 99);
    assert_true(lth_arena_used(arena) <= 100000);
    lth_arena_reset(arena);
    assert_int_equal(lth_arena_used(arena), 0);
    assert_non_null(lth_arena_alloc(arena, 50000));
    lth_arena_free(&arena);

    arena = lth_arena_new(160);
    assert_non_null(lth_arena_alloc(arena, 160));
    assert_null(lth_arena_alloc(arena, 1));
    lth_arena_free(&arena);
}

static void reset_gives_the_first_block_again(void **state)
{
    (void)state;
    lth_arena *arena = lth_arena_new(1 << 20);
    void *first = lth_arena_alloc(arena, 10);
    for (int i = 0; i < 50; i++) {
        assert_non_null(lth_arena_alloc(arena, 10000));
    }
    lth_arena_reset(arena);
    assert_ptr_equal(lth_arena_alloc(arena, 10), first);
    lth_arena_reset(arena);
    uint8_t *copy = lth_arena_copy(arena, "bytes", 5);
    assert_memory_equal(copy, "bytes", 5);
    assert_non_null(lth_arena_copy(arena, NULL, 0));
    lth_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(the_limit_holds_and_is_reached),
        cmocka_unit_test(reset_gives_the_first_block_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
