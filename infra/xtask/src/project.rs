//! Where things are: the project's folders, and the environment that every tool runs in.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's root.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// The git-ignored folder for tools, logs and state.
pub(crate) fn local() -> PathBuf {
    root().join(".local")
}

/// The folder of logs.
pub(crate) fn logs() -> PathBuf {
    local().join("log")
}

/// Every function, by its folder.
pub(crate) fn functions() -> std::io::Result<Vec<String>> {
    let folders = std::fs::read_dir(root().join("functions"))?.collect::<Result<Vec<_>, _>>()?;
    let has_manifest = folders.into_iter().filter(|folder| folder.path().join("Cargo.toml").is_file());
    let mut names: Vec<String> =
        has_manifest.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// A command in the project's root, in the one environment in which cargo, cargo-lambda and the tests share one debug
/// build: the same target folder, the host's triple by name, and cargo itself as cargo-lambda's compiler. None of the
/// caller's AWS configuration reaches a tool: the local stack must not touch an account.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    sharing_one_build(&mut command);
    command
}

fn sharing_one_build(command: &mut Command) {
    command
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_BUILD_TARGET", env!("HOST_TRIPLE"))
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_TERM_COLOR", "never")
        .env("SAM_BUILD_MODE", "debug")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "1");
}

/// The region of the local stack.
pub(crate) const REGION: &str = "ap-southeast-2";

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the one variable of cargo's that must be followed")]
    let set = std::env::var_os("CARGO_TARGET_DIR");
    set.map_or_else(|| root().join("target"), |set| root().join(set))
}

/// A binary of the shared debug build.
pub(crate) fn binary(name: &str) -> PathBuf {
    target().join(env!("HOST_TRIPLE")).join("debug").join(name)
}
