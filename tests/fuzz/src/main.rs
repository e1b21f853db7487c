//! With `--cfg libfuzzer`, this program runs the fuzz target that the environment variable
//! `CCC_FUZZ_TARGET` names, and accepts the arguments of libFuzzer. Before, it writes the seeds of
//! the target to the directory `CCC_FUZZ_CORPUS`, one file for each seed. Otherwise, the program
//! prints the files that its arguments name as seeds.
#![cfg_attr(libfuzzer, no_main)]

#[cfg(libfuzzer)]
mod fuzzing {
    use std::sync::LazyLock;

    use ccc_fuzz::{Target, seeds};

    static TARGET: LazyLock<Target> = LazyLock::new(Target::chosen);

    fn write_seeds() {
        let Ok(directory) = std::env::var("CCC_FUZZ_CORPUS") else { return };
        for (number, seed) in seeds::read(TARGET.name).iter().enumerate() {
            let path = format!("{directory}/seed-{number}");
            std::fs::write(&path, seed).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }

    libfuzzer_sys::fuzz_target!(init: write_seeds(), |data: &[u8]| {
        (TARGET.run)(data);
    });
}

#[cfg(not(libfuzzer))]
#[allow(clippy::print_stdout, reason = "the output is the purpose of the program")]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        println!("{}", ccc_fuzz::seeds::line(&std::fs::read(path)?));
    }
    Ok(())
}
