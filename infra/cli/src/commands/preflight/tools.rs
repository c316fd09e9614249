//! The versions of the programs that build and deploy.

use super::facts::Tools;
use super::finding::Finding;

/// The versions that the project is tested with.
const PINNED: &str = include_str!("../../../../local/requirements-sam.txt");
/// Since this version the SAM CLI expands loops itself (docs/cfn-language-extensions.md of aws-sam-cli).
const OLDEST_SAM: [u32; 3] = [1, 160, 0];
/// As docs/deploy.md installs it; cargo-lambda links with it.
const ZIG: &str = "0.17.1";

/// A finding for each program.
pub(super) fn check(tools: &Tools) -> [Finding; 3] {
    let install = format!("pip install --no-deps -r infra/local/requirements-sam.txt ziglang=={ZIG}");
    [
        of("SAM CLI", tools.sam.as_deref(), &pinned("aws-sam-cli"), OLDEST_SAM, &install),
        of("cargo-lambda", tools.cargo_lambda.as_deref(), &pinned("cargo-lambda"), [1, 0, 0], &install),
        of("zig", tools.zig.as_deref(), ZIG, [0, 13, 0], &install),
    ]
}

fn of(check: &'static str, printed: Option<&str>, tested: &str, oldest: [u32; 3], install: &str) -> Finding {
    let Some(version) = printed.and_then(version) else {
        return Finding::fix(check, "not found", install);
    };
    let text = version.map(|part| part.to_string()).join(".");
    if version < oldest {
        let oldest = oldest.map(|part| part.to_string()).join(".");
        return Finding::fix(check, format!("{text} is older than {oldest}"), install);
    }
    if text == tested {
        return Finding::good(check, text);
    }
    Finding::note(check, format!("{text}; the project is tested with {tested}"), install)
}

fn pinned(name: &str) -> String {
    let line = PINNED.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("=="));
    line.unwrap_or_default().trim().to_owned()
}

/// The first three numbers with dots between them, as in `SAM CLI, version 1.170.0`.
fn version(printed: &str) -> Option<[u32; 3]> {
    printed.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let parts: Vec<u32> = word.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        <[u32; 3]>::try_from(parts).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_version_is_read_from_what_a_program_prints() {
        for (printed, expected) in [
            ("SAM CLI, version 1.170.0", Some([1, 170, 0])),
            ("cargo-lambda 1.9.2 (2026-07-01Z)", Some([1, 9, 2])),
            ("0.17.1\n", Some([0, 17, 1])),
            ("command not found", None),
            ("1.2", None),
        ] {
            assert_eq!(version(printed), expected, "{printed}");
        }
    }

    #[test]
    fn what_is_missing_or_too_old_must_be_fixed_and_another_version_is_a_note() {
        let levels = |sam: Option<&str>, zig: Option<&str>| {
            let tools = Tools {
                sam: sam.map(str::to_owned),
                cargo_lambda: Some("cargo-lambda 1.9.2".to_owned()),
                zig: zig.map(str::to_owned),
            };
            check(&tools).map(|finding| finding.level)
        };
        let good = levels(Some("SAM CLI, version 1.170.0"), Some(ZIG));
        assert_eq!(good, [Level::Good, Level::Good, Level::Good]);
        assert_eq!(levels(None, None), [Level::Fix, Level::Good, Level::Fix]);
        let other = levels(Some("SAM CLI, version 1.159.1"), Some("0.18.0"));
        assert_eq!(other, [Level::Fix, Level::Good, Level::Note]);
    }
}
