/* Loops that a compiler is to build for what the machine has; the same sums in every version.
 *
 * GCC builds each for several instruction sets and picks one when the extension is loaded. Not under the thread
 * sanitizer, whose runtime is not there yet when the picking is done.
 */
#ifndef ORCHESTRATOR_KERNELS_DISPATCH_H
#define ORCHESTRATOR_KERNELS_DISPATCH_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_THREAD__)
#define DISPATCH __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DISPATCH
#endif

#endif
