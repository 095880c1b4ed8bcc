//! Build script of every package that links a program against libtorch: the
//! folder libtorch was linked from becomes the program's run path, so that it
//! starts from anywhere with nothing exported.

#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo::rerun-if-changed=../../build/rpath.rs");
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
}
