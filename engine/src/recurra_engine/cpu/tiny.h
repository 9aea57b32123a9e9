/* Numbers next to zero, such as a gradient or an influence that has faded, cost a hundred times more than zero itself. */
#if defined(__SSE__)
#include <xmmintrin.h>
static inline unsigned flush_tiny(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}
static inline void as_before(unsigned state) { _mm_setcsr(state); }
#else
static inline unsigned flush_tiny(void) { return 0; }
static inline void as_before(unsigned state) { (void)state; }
#endif
