//! Each permission of each deployed role, taken away: the function that needs it says so, nothing is lost, and the work is done
//! when the permission is back. `cargo xtask permissions` runs it, as it must run alone.

mod alarm;
mod case;
mod checks;
mod flows;
mod history;
mod intake;
mod permission;
mod rotation;
mod table;
mod version;

use crate::support::alone;
use anyhow::{Context as _, Result, ensure};
use case::Case;
use checks::{Check, perform};
use end_to_end::stack::{RolePolicy, Stack, variable};
use permission::Permission;
use std::time::Instant;
use table::check_of;

#[tokio::test]
#[ignore = "it takes the permissions of functions that other tests use: `cargo xtask permissions`"]
async fn a_function_that_lost_a_permission_says_so_and_loses_nothing() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let [seed, sample] = ["PERMISSIONS_SEED", "PERMISSIONS_SAMPLE"].map(number);
    let only = variable("PERMISSIONS_ONLY").unwrap_or_default();
    let (mut chosen, others): (Vec<_>, Vec<_>) =
        checks_of(&stack, &only).await?.into_iter().partition(|(_, check)| !matches!(check, Check::None(_)));
    for (permission, check) in others {
        if let Check::None(why) = check {
            println!("  – {permission}: {why}");
        }
    }
    fastrand::Rng::with_seed(seed?).shuffle(&mut chosen);
    chosen.truncate(usize::try_from(sample?)?);
    ensure!(!chosen.is_empty(), "no permission is called like {only:?}");
    let mut failed = Vec::new();
    for (permission, check) in &chosen {
        let start = Instant::now();
        let case = Case::new(&stack, permission);
        let result = Box::pin(perform(&case, check)).await;
        case.give_back().await?;
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(said) => println!("  ✓ {permission}: {said} ({seconds:.1} s)"),
            Err(error) => {
                println!("  ✗ {permission}: {error:#} ({seconds:.1} s)");
                failed.push(permission.to_string());
            }
        }
    }
    ensure!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), chosen.len());
    Ok(())
}

/// The permissions whose name contains this text, each with its check.
async fn checks_of(stack: &Stack, only: &str) -> Result<Vec<(Permission, Check)>> {
    let policies = RolePolicy::all(&stack.cloudformation, &stack.iam, &stack.addresses.stack).await?;
    let all = policies.iter().flat_map(Permission::of).collect::<Vec<_>>();
    ensure!(!all.is_empty(), "the stack has no roles");
    let checks = all.into_iter().map(|permission| {
        let check = check_of(&permission)
            .with_context(|| format!("tests/it/denied/table.rs has no check of {permission}"))?;
        Ok((permission, check))
    });
    let checks = checks.collect::<Result<Vec<_>>>()?;
    Ok(checks.into_iter().filter(|(permission, _)| permission.to_string().contains(only)).collect())
}

fn number(name: &str) -> Result<u64> {
    variable(name)?.parse().with_context(|| format!("{name} is not a number"))
}
