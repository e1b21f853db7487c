//! What every container runner must do, fakes among them.
//!
//! The programs that the cases run are `true`, `false`, `cat`, `tee -- PATH`, `printenv NAME` and
//! `sleep SECONDS`: few enough for a fake to understand.

mod fixture;
mod lifecycle;
mod programs;

pub use fixture::Fixture;
pub(super) use fixture::{Running, new_run};
pub use lifecycle::*;
pub use programs::*;

/// Makes a test of every case for container runners. See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! container_runner_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            container_runner,
            $make,
            [
                facts_stay_as_they_are_and_check_changes_nothing,
                exit_status_0_is_success,
                a_program_that_fails_is_no_error,
                what_is_given_on_stdin_comes_out_whole,
                no_output_is_no_chunk,
                the_environment_of_the_container_reaches_every_program,
                the_environment_of_a_command_reaches_that_program_alone,
                the_environment_of_the_host_does_not_get_in,
                a_file_that_was_written_is_on_the_host_after_stop,
                host_files_that_nobody_touched_are_the_same_after_stop,
                a_later_program_sees_what_an_earlier_one_left,
                a_workspace_that_is_no_directory_is_invalid_input,
                a_program_that_is_not_there_is_not_run,
                the_model_proxy_is_for_those_who_asked,
                runs_do_not_see_each_others_workspace,
                destroy_before_spawn_is_ok,
                destroy_twice_is_ok,
                destroy_ends_an_exec,
                destroy_of_one_run_leaves_the_others_alone,
                destroy_leaves_the_workspace_to_the_caller,
                a_spawn_that_was_dropped_stands_in_nobodys_way,
                an_exec_that_was_dropped_is_ended_by_stop,
                a_dropped_container_is_still_there_for_destroy,
                orphans_are_what_was_spawned_and_not_destroyed,
            ]
        );
    };
}
