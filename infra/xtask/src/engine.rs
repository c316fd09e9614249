//! The local engine: how it starts, and after a deployment what AWS does and it does not.

use crate::project::{REGION, binary, command, local};
use crate::steps::run_logged;
use crate::tools::Tools;
use anyhow::Result;
use std::fs;

/// Runs `tests/stack/fit_engine.rs` on the engine at this port: the batch forms of actions, and FIFO topics.
pub(crate) fn fit(name: &str, port: u16) -> Result<()> {
    let mut fit = command(binary("fit-engine"));
    fit.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    run_logged(&mut fit, &format!("{name}-fit-engine.log"), "run the command again")
}

/// The engine at this port; the functions that it starts call AWS at the other one.
pub(crate) fn ministack(
    name: &str,
    port: u16,
    for_functions: u16,
    log_level: &str,
) -> Result<std::process::Command> {
    let state = local().join("ministack");
    fs::create_dir_all(&state)?;
    // It unpacks every function that it runs and leaves that behind: hundreds of megabytes each time.
    let temporary = local().join("tmp").join(name);
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary)?;
    let mut ministack = command(Tools::MiniStack.program("ministack"));
    // By default it listens on every address, and for MQTT too.
    ministack
        .env("BIND_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "false")
        .env("SFTP_ENABLED", "false")
        .env("GATEWAY_PORT", port.to_string())
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("MINISTACK_REGION", REGION)
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{for_functions}"))
        .env("S3_DATA_DIR", state)
        .env("TMPDIR", temporary)
        // What Lambda sets from a function's LoggingConfig, the engine passes on from its own environment.
        .env("AWS_LAMBDA_LOG_LEVEL", log_level)
        // Every call is judged by the caller's policies; docs/local-stack.md, "Permissions", names the exceptions.
        .env("AUTH", "true")
        .env(
            "SERVICES",
            "sqs,sns,secretsmanager,dynamodb,scheduler,lambda,cloudformation,s3,iam,sts,logs,monitoring",
        );
    Ok(ministack)
}
