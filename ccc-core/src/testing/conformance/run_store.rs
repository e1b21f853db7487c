//! What every run store must do.

mod fixture;
mod intake;
mod leases;
mod records;

pub use fixture::Fixture;
pub use intake::*;
pub use leases::*;
pub use records::*;

/// Makes a test of every case for run stores. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! run_store_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            run_store,
            $make,
            [
                a_new_delivery_is_kept_with_a_waiting_run,
                the_same_delivery_again_gives_the_first_run,
                a_known_delivery_with_another_body_is_a_conflict,
                opening_and_labelling_an_issue_is_one_wish,
                every_comment_is_a_wish_of_its_own,
                the_same_wish_after_the_run_is_over_is_a_new_run,
                the_same_number_in_another_repository_is_another_issue,
                concurrent_accepts_of_one_delivery_make_one_run,
                concurrent_accepts_of_one_wish_make_one_run,
                an_empty_store_has_nothing_to_claim,
                the_oldest_run_is_claimed_first,
                one_run_of_an_issue_is_claimed_at_a_time,
                concurrent_claims_hand_each_run_out_once,
                a_run_is_handed_out_again_when_its_lease_has_ended,
                a_fence_that_is_not_the_newest_is_refused_on_every_write,
                a_write_after_the_lease_has_ended_is_refused,
                renewing_extends_the_lease,
                renewing_never_shortens_the_lease,
                renewing_tells_of_a_wish_to_cancel,
                a_run_that_was_cancelled_before_its_claim_says_so,
                cancelling_what_is_not_there_or_over,
                a_released_run_waits_for_its_delay,
                a_released_run_is_no_longer_the_workers,
                the_newest_progress_comes_with_the_next_claim,
                a_finished_run_is_readable_and_nothing_else,
                every_outcome_is_kept_whole,
                a_write_to_a_run_that_is_not_there_is_refused,
                runs_are_listed_newest_first,
                a_run_that_is_not_there_is_none,
                log_lines_are_numbered_from_zero,
                log_lines_stay_when_the_run_changes_hands,
                a_log_belongs_to_its_run,
            ]
        );
    };
}
