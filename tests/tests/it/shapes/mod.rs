//! One run for each of many shapes of repositories. A table has the expected outcomes: a pull request
//! that changes exactly the listed files, a refusal with its reason and paths, or an error before the
//! agent starts.
//!
//! A script creates each repository with plain git, from a history with a fixed seed. The rows that
//! take long are executed if the environment variable `CCC_SHAPES` has the value `all`:
//!
//! ```sh
//! CCC_SHAPES=all cargo test -p ccc-tests --test it shapes -- --show-output
//! ```

mod attributes;
mod fixture;
mod history;
mod names;
mod on_host;
mod refs;
mod shape;
mod storage;
mod trees;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use fixture::Fixture;
use shape::Shape;

/// The number of runs at a time.
const AT_ONCE: usize = 3;

fn shapes() -> Vec<Shape> {
    [attributes::SHAPES, names::SHAPES, refs::SHAPES, refs::ON_DISK, storage::SHAPES, trees::SHAPES]
        .concat()
}

/// Executes `check` for each of `shapes` that this call includes, several at a time. Returns the
/// number of the rows, and the differences from them.
async fn each<F>(
    shapes: Vec<Shape>,
    check: impl Fn(u64, Shape) -> F + Send + Sync + 'static,
) -> (usize, Vec<String>)
where
    F: Future<Output = Vec<String>> + Send + 'static,
{
    let all = std::env::var_os("CCC_SHAPES").is_some_and(|value| value == "all");
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    for (number, shape) in (1..).zip(shapes).filter(|(_, shape)| all || !shape.slow) {
        let (turns, check) = (Arc::clone(&turns), check(number, shape));
        runs.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            (number, check.await)
        });
    }
    let mut found = runs.join_all().await;
    found.sort();
    #[allow(clippy::print_stdout, reason = "the number and the seed belong to the result")]
    {
        println!("{} shapes with the seed {}", found.len(), history::SEED);
    }
    (found.len(), found.into_iter().flat_map(|(_, problems)| problems).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_each_shape_of_a_local_repository_has_the_outcome_of_the_table() {
    // spec: X5d, X5e, X6e, X6g, X6h, X18c, X20e
    let (count, problems) = each(shapes(), |number, shape| async move {
        let create = move || Fixture::new(shape, number);
        let fixture = tokio::task::spawn_blocking(create).await.unwrap();
        fixture.check_local().await
    })
    .await;
    assert!(count >= 100, "{count}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_shapes_have_unique_names() {
    let all = shapes();
    let names: BTreeSet<_> = all.iter().map(|shape| shape.name).collect();
    assert_eq!(names.len(), all.len());
}
