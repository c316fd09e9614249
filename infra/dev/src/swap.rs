//! Replaces a function's code while its messages wait in the queue.

use anyhow::{Context as _, Result};
use automations::clock;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::AliasConfiguration;
use aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessagesNotVisible as Held;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::time::Duration;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// How long a running invocation may take to finish. Its messages are received again after the visibility timeout.
const MAX_REST: Duration = Duration::from_secs(3);

/// Clients of the engine that the functions run on.
#[derive(Debug)]
pub struct Swap {
    /// Of Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// Of SQS.
    pub sqs: aws_sdk_sqs::Client,
}

/// An event source mapping of a function, and the name of its queue.
struct FeedingQueue {
    mapping: String,
    queue: String,
}

impl Swap {
    /// Replaces the function's program.
    ///
    /// # Errors
    /// If the program cannot be read, or a request fails.
    pub async fn swap(&self, function: &str, program: &Path) -> Result<()> {
        let package = package(program)?;
        let sources = self.sources(function).await?;
        self.feed(&sources, false).await?;
        let swapped = self.rest_and_put(function, &sources, package).await;
        // Resume delivery even if the swap failed.
        self.feed(&sources, true).await?;
        swapped
    }

    async fn rest_and_put(&self, function: &str, sources: &[FeedingQueue], package: Vec<u8>) -> Result<()> {
        for source in sources {
            self.rest(&source.queue).await?;
        }
        let aliases = self.lambda.list_aliases().function_name(function).send().await?;
        let aliases: Vec<AliasConfiguration> = aliases.aliases.unwrap_or_default();
        let request = self.lambda.update_function_code().function_name(function);
        let request = request.zip_file(Blob::new(package)).publish(!aliases.is_empty());
        let updated =
            request.send().await.with_context(|| format!("{function} does not take its new code"))?;
        for alias in aliases {
            let request = self.lambda.update_alias().function_name(function);
            let request = request.set_name(alias.name).set_function_version(updated.version.clone());
            request.send().await?;
        }
        Ok(())
    }

    async fn sources(&self, function: &str) -> Result<Vec<FeedingQueue>> {
        let answer = self.lambda.list_event_source_mappings().send().await?;
        let mappings = answer.event_source_mappings.unwrap_or_default().into_iter();
        let own = mappings.filter(|mapping| {
            // `arn:aws:lambda:region:account:function:name`, and an alias's name after it.
            mapping.function_arn().and_then(|arn| arn.split(':').nth(6)) == Some(function)
        });
        let source = |mapping: aws_sdk_lambda::types::EventSourceMappingConfiguration| {
            let queue = mapping.event_source_arn?.rsplit(':').next()?.to_owned();
            Some(FeedingQueue { mapping: mapping.uuid?, queue })
        };
        Ok(own.filter_map(source).collect())
    }

    async fn feed(&self, sources: &[FeedingQueue], enabled: bool) -> Result<()> {
        for FeedingQueue { mapping, queue } in sources {
            let request = self.lambda.update_event_source_mapping().uuid(mapping).enabled(enabled);
            request
                .send()
                .await
                .with_context(|| format!("the event source mapping of {queue} cannot be changed"))?;
        }
        Ok(())
    }

    /// Waits until no message of the queue is in flight.
    async fn rest(&self, queue: &str) -> Result<()> {
        let url = self.sqs.get_queue_url().queue_name(queue).send().await?.queue_url.unwrap_or_default();
        let until = clock::now().later(MAX_REST);
        loop {
            let request = self.sqs.get_queue_attributes().queue_url(&url).attribute_names(Held);
            let held = request.send().await?.attributes.and_then(|all| all.get(&Held).cloned());
            if held.is_none_or(|held| held == "0") || clock::now() > until {
                return Ok(());
            }
            #[expect(clippy::disallowed_methods, reason = "the pause between two checks of a condition")]
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What Lambda takes: a zip with a `bootstrap` that becomes the program. A debug build is some 40 MB, and sending it through
/// the API would take longer than building it.
fn package(program: &Path) -> Result<Vec<u8>> {
    let program = program.canonicalize().with_context(|| format!("{} is not there", program.display()))?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let how = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("bootstrap", how.unix_permissions(0o755))?;
    let quoted = program.display().to_string().replace('\'', r"'\''");
    write!(zip, "#!/bin/sh\nexec '{quoted}'\n")?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_package_becomes_its_program() {
        let own = std::env::current_exe().unwrap();
        let mut zip = zip::ZipArchive::new(Cursor::new(package(&own).unwrap())).unwrap();
        let mut bootstrap = zip.by_name("bootstrap").unwrap();
        assert_eq!(bootstrap.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut text = String::new();
        bootstrap.read_to_string(&mut text).unwrap();
        let own = own.canonicalize().unwrap();
        assert_eq!(text, format!("#!/bin/sh\nexec '{}'\n", own.display()));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = package(Path::new("/nowhere/bootstrap")).unwrap_err().to_string();
        assert_eq!(error, "/nowhere/bootstrap is not there");
    }
}
