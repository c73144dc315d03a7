// Linked into libctranslate2 so that its allocator on the GPU is the caching one unless the user asks for another:
// hipMallocAsync, which it takes otherwise, corrupts memory without an error (OpenNMT/CTranslate2#2090, OpenNMT/CTranslate2#2012).
#include <stdlib.h>

// It runs when the library is loaded, before anything in it can read the variable; a value that is already there stays.
__attribute__((constructor)) static void prefer_the_caching_allocator(void) {
  setenv("CT2_CUDA_ALLOCATOR", "cub_caching", 0);
}
