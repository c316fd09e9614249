//! The tests of the console's pages in a browser: which browser, the script of axe-core, and whether they ran.

use crate::project::root;
use crate::steps::say;
use crate::tools::{Tools, install_each};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The names that the tests' own search knows too (the crate chromiumoxide, `detection`).
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// A browser, and what its tests need.
#[derive(Debug)]
pub(crate) struct Browser {
    program: PathBuf,
    axe: PathBuf,
}

impl Browser {
    /// The first that is installed, or the one that `CHROME` names.
    pub(crate) fn find() -> Result<Option<Self>> {
        #[expect(clippy::disallowed_methods, reason = "a program is looked for as a shell does")]
        let (named, path) = (std::env::var_os("CHROME"), std::env::var_os("PATH").unwrap_or_default());
        let named = named.map(PathBuf::from).filter(|program| program.is_file());
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let all = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let Some(program) = named.or_else(|| all.into_iter().find(|program| program.is_file())) else {
            return Ok(None);
        };
        install_each(&[Tools::Browser])?;
        // Screenshots of an earlier run would say that this one made them.
        let _ = fs::remove_dir_all(screenshots());
        Ok(Some(Self { program, axe: axe()? }))
    }

    /// Gives both to the tests.
    pub(crate) fn given_to(&self, tests: &mut Command) {
        tests.env("CHROME", &self.program).env("AXE_SCRIPT", &self.axe);
    }

    /// Says that the tests ran, if they did.
    fn report(&self) -> Result<()> {
        let files = fs::read_dir(screenshots()).map_or(0, Iterator::count);
        let program = self.program.display();
        if files == 0 {
            bail!("{program} is there, but the tests of the console's pages made no screenshot");
        }
        say(&format!(
            "  ✓ the console's pages were tested with {program}; {files} screenshots are in target/console-screenshots"
        ));
        Ok(())
    }
}

/// Says whether the tests ran.
pub(crate) fn report(browser: Option<&Browser>) -> Result<()> {
    let Some(browser) = browser else {
        say(
            "  – the console's pages were not tested in a browser: there is no Chromium (on Debian: apt-get install chromium)",
        );
        return Ok(());
    };
    browser.report()
}

fn screenshots() -> PathBuf {
    root().join("target/console-screenshots")
}

/// The script in the Python environment, whose folder has Python's version in its name.
fn axe() -> Result<PathBuf> {
    let library = Tools::Browser.bin().with_file_name("lib");
    let versions = fs::read_dir(&library).with_context(|| format!("{} is missing", library.display()))?;
    let script = "site-packages/axe_playwright_python/axe.min.js";
    let mut all = versions.filter_map(|version| Some(version.ok()?.path().join(script)));
    all.find(|script| script.is_file()).with_context(|| format!("{} has no {script}", library.display()))
}
