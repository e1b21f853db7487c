//! Conformance cases for container runners, including fakes.
//!
//! The cases execute only the programs `true`, `false`, `cat`, `tee -- PATH`, `printenv NAME` and
//! `sleep SECONDS`, so that a fake can simulate these programs.

mod fixture;
mod lifecycle;
mod programs;

pub use fixture::Fixture;
pub(super) use fixture::{Running, new_run};
pub use lifecycle::*;
pub use programs::*;

/// Generates one test for each conformance case of the container runner port. The macro's argument
/// is a function that returns a future of a new
/// [fixture](crate::testing::conformance::container_runner::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! container_runner_conformance {
    (@run $make:expr) => {
        $crate::container_runner_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            container_runner,
            $make,
            [
                name_and_capabilities_stay_the_same_and_check_changes_nothing,
                exit_status_0_is_success,
                a_program_that_fails_is_no_error,
                stdin_and_stdout_are_transferred_whole,
                no_output_is_no_chunk,
                the_environment_of_the_container_reaches_every_program,
                the_environment_of_a_command_reaches_that_program_alone,
                the_environment_of_the_host_does_not_get_in,
                a_file_that_was_written_is_on_the_host_after_stop,
                untouched_host_files_are_the_same_after_stop,
                a_later_program_sees_what_an_earlier_one_left,
                a_workspace_that_is_no_directory_is_invalid_input,
                a_program_that_is_not_there_is_not_run,
                the_model_proxy_is_present_only_if_requested,
                runs_do_not_see_each_others_workspace,
                destroy_before_spawn_is_ok,
                destroy_twice_is_ok,
                destroy_ends_an_exec,
                destroy_of_one_run_leaves_the_others_alone,
                destroy_leaves_the_workspace_to_the_caller,
                a_dropped_spawn_does_not_block_a_later_spawn,
                an_exec_that_was_dropped_is_ended_by_stop,
                a_dropped_container_is_still_there_for_destroy,
                dropping_a_container_does_not_panic,
                orphans_are_what_was_spawned_and_not_destroyed,
            ]
        );
    };
    ($make:expr) => {
        $crate::container_runner_conformance!(@cases __conformance_tests, $make);
    };
}
