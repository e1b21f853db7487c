//! Conformance cases for run stores.

mod fixture;
mod intake;
mod leases;
mod records;
mod requests;
mod turns;

pub use fixture::Fixture;
pub(super) use fixture::{LEASE, WITHIN_LEASE};
pub use intake::*;
pub use leases::*;
pub use records::*;
pub use requests::*;
pub use turns::*;

/// Generates one test for each conformance case of the run store port. The macro's argument is a
/// function that returns a future. The future creates a new
/// [fixture](crate::testing::conformance::run_store::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! run_store_conformance {
    (@run $make:expr) => {
        $crate::run_store_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            run_store,
            $make,
            [
                a_new_delivery_is_stored_with_a_waiting_run,
                a_repeated_delivery_returns_the_first_run,
                a_delivery_is_found_by_its_id,
                a_known_delivery_with_another_body_is_a_conflict,
                opening_and_labelling_an_issue_starts_one_run,
                every_comment_starts_its_own_run,
                a_trigger_starts_a_new_run_after_its_run_finished,
                the_same_number_in_another_repository_is_another_issue,
                concurrent_accepts_of_one_delivery_make_one_run,
                concurrent_accepts_of_one_trigger_make_one_run,
                the_same_request_of_two_actors_is_two_runs,
                a_served_request_is_not_run_again,
                an_older_delivery_of_a_served_request_starts_nothing,
                an_older_delivery_of_a_request_that_was_not_served_starts_its_run,
                a_request_that_was_not_served_is_run_by_its_own_actor,
                a_run_that_has_passed_authorize_comes_before_its_request_is_run_again,
                unfinished_runs_are_those_that_have_not_ended,
                actors_and_repositories_take_turns,
                runs_of_permitted_actors_are_claimed_first,
                unchecked_runs_of_an_actor_are_limited,
                unchecked_runs_of_a_repository_are_limited,
                a_few_actors_do_not_use_all_unchecked_runs_of_a_repository,
                an_empty_store_has_nothing_to_claim,
                the_oldest_run_is_claimed_first,
                one_run_of_an_issue_is_claimed_at_a_time,
                concurrent_claims_return_each_run_once,
                a_run_can_be_claimed_again_after_its_lease_has_ended,
                a_fence_that_is_not_the_newest_is_refused_on_every_write,
                a_write_after_the_lease_has_ended_is_refused,
                renewing_extends_the_lease,
                renewing_never_shortens_the_lease,
                renewing_reports_a_requested_cancellation,
                a_cancellation_before_the_claim_is_reported,
                cancelling_an_unknown_or_a_finished_run,
                a_claim_counts_the_claims_without_a_further_stage,
                an_ended_run_can_be_repeated,
                a_run_that_has_not_ended_is_not_repeated,
                a_released_run_waits_for_its_delay,
                a_released_run_refuses_the_fence_of_its_worker,
                the_newest_progress_comes_with_the_next_claim,
                a_finished_run_can_be_read_and_not_changed,
                every_outcome_is_stored_whole,
                a_write_to_an_unknown_run_is_refused,
                runs_are_listed_newest_first,
                an_unknown_run_is_none,
                a_store_that_works_passes_its_check,
            ]
        );
    };
    ($make:expr) => {
        $crate::run_store_conformance!(@cases __conformance_tests, $make);
    };
}
