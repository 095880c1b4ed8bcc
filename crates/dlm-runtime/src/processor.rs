//! What libtorch has to be told once per process: threads, MKL, CUDA.

#![allow(unsafe_code)]

use std::sync::OnceLock;

/// Sets the number of threads that libtorch computes one operation with.
///
/// Call it before the first prediction. `None` keeps libtorch's own choice, one per
/// core.
pub fn set_threads(threads: Option<usize>) {
    if let Some(threads) = threads {
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX).max(1));
    }
}

/// How many threads libtorch computes one operation with.
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// The libtorch that this program was built for.
pub const LIBTORCH_VERSION: &str = "2.11.0";

/// Called before the first tensor is made.
pub(crate) fn initialise() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        {
            // A reference keeps the linker from dropping a symbol that only libtorch,
            // at run time, asks for.
            std::hint::black_box(mkl_serv_intel_cpu_true as *const ());
        }
    });
}

/// Lets the C library keep freed memory for the next tensor.
///
/// Training frees and asks for the same gigabytes at every step. Given back to the system
/// each time, their pages would be cleared each time, which took a twentieth of a step.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: these calls set numbers that the allocator reads, and touch no memory.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Gives the system what is freed after all.
///
/// Batches differ in their shapes, so kept memory falls into pieces and grows by some
/// megabytes a step; given back now and then, it stays as large as a step is.
pub(crate) fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the allocator gives back whole pages that nothing was allocated on.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// MKL's question whether it runs on an Intel processor.
///
/// Answered by libtorch's own copy, it sends every other processor to kernels
/// written for machines twenty years older. A program's own symbol comes first,
/// so here the answer is yes: matrix products in f32 take 2.3 times less on a
/// processor with AVX-512, and differ by rounding only. `DLM_MKL=plain` gives the
/// other answer.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[allow(unreachable_pub)]
#[unsafe(no_mangle)]
pub extern "C" fn mkl_serv_intel_cpu_true() -> core::ffi::c_int {
    static ANSWER: OnceLock<core::ffi::c_int> = OnceLock::new();
    *ANSWER.get_or_init(|| i32::from(std::env::var_os("DLM_MKL").is_none_or(|v| v != "plain")))
}

/// Loads libtorch's CUDA part, where it was set up; says whether it is there.
///
/// No symbol of it is named in this program, so the linker leaves it out; loading it
/// by name lets one binary serve machines with and without a GPU.
pub(crate) fn load_cuda() -> bool {
    static LOADED: OnceLock<bool> = OnceLock::new();
    *LOADED.get_or_init(|| {
        // SAFETY: the library is libtorch's own and its initialisers only register
        // kernels; it is never closed.
        let flags = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL;
        let library =
            unsafe { libloading::os::unix::Library::open(Some("libtorch_cuda.so"), flags) };
        match library {
            Ok(library) => {
                std::mem::forget(library);
                true
            }
            Err(_) => false,
        }
    })
}
