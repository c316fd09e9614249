//! The checkout of the project around the current directory, and the local stack that was started from it.

use crate::exit_code::Usage;
use anyhow::Result;
use serde_json::Value;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files under `.local/stacks` of stacks that stay for other commands, the preferred one first; see infra/xtask/src/stack.rs.
const STACKS: [&str; 2] = ["up", "dev"];

/// The checkout's root, if the current directory is inside one.
pub(crate) fn find() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| is_root(folder)).map(Path::to_owned)
}

/// The checkout's root, for a command that works on its files.
///
/// # Errors
/// [`Usage`] outside of a checkout.
pub(crate) fn required(command: &str) -> Result<PathBuf> {
    find().ok_or_else(|| {
        let text = format!(
            "`automations {command}` works on a checkout of the project, and the current directory is not inside one; \
             run: cd PATH_OF_THE_CHECKOUT && cargo automations {command}"
        );
        Usage(text).into()
    })
}

/// The AWS endpoint of the local stack that `cargo xtask up` or `dev` started from this checkout, if it runs.
pub(crate) fn local_endpoint() -> Option<String> {
    let stacks = find()?.join(".local/stacks");
    STACKS.iter().find_map(|name| {
        let text = std::fs::read_to_string(stacks.join(format!("{name}.json"))).ok()?;
        endpoint_in(&text).filter(|endpoint| responds(endpoint))
    })
}

fn is_root(folder: &Path) -> bool {
    ["template.yaml", "Cargo.lock", "infra/stacks", "functions"].iter().all(|name| folder.join(name).exists())
}

fn endpoint_in(state: &str) -> Option<String> {
    let state: Value = serde_json::from_str(state).ok()?;
    Some(state.get("place")?.get("aws_endpoint_url")?.as_str()?.to_owned())
}

/// The file stays after a crash; then nothing listens.
fn responds(endpoint: &str) -> bool {
    let address = endpoint.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    address.is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_the_one_in_the_state_file_if_something_listens_there() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state =
            format!(r#"{{"owner": null, "started": [], "place": {{"aws_endpoint_url": "{endpoint}"}}}}"#);
        assert_eq!(endpoint_in(&state).as_deref(), Some(endpoint.as_str()));
        assert_eq!(endpoint_in(r#"{"place": null}"#), None);
        assert!(responds(&endpoint) && !responds("not an address"));
        drop(listener);
        assert!(!responds(&endpoint));
    }

    #[test]
    fn the_tests_run_in_a_checkout() {
        assert!(find().is_some_and(|root| root.join("infra/cli").is_dir()));
    }
}
