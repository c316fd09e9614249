//! Every sentence of docs/ordering.md has a test.

use crate::tidy::{read, rust_files};
use anyhow::{Result, ensure};
use std::fs;

#[test]
fn every_sentence_on_order_names_a_test_that_exists() -> Result<()> {
    let page = read("docs/ordering.md")?;
    let mut tests = String::new();
    for folder in ["functions", "infra", "shared", "tests"] {
        for file in rust_files(folder)? {
            tests.push_str(&fs::read_to_string(file)?);
        }
    }
    let sentences: Vec<&str> = page.split("\n- ").skip(1).collect();
    ensure!(sentences.len() >= 12, "only {} sentences", sentences.len());
    for sentence in sentences {
        let sentence = sentence.split("\n\n").next().unwrap_or_default();
        let named: Vec<&str> =
            sentence.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        ensure!(!named.is_empty(), "no test: {sentence}");
        for name in named {
            ensure!(tests.contains(&format!("fn {name}(")), "there is no test {name}");
        }
    }
    Ok(())
}
