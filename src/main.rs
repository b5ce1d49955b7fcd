//! The thin binary: everything is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    dubwatch::run(std::env::args_os())
}
