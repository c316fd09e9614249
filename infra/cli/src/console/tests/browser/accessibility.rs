//! What axe-core finds, if `cargo xtask test` has installed it.

use super::*;

/// The rules of WCAG 2.2, levels A and AA.
const FOUND: &str = "axe.run(document, { preload: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html).join(' | ')}`))";

#[tokio::test]
async fn axe_finds_no_fault_on_any_page_in_light_and_dark() {
    #[expect(clippy::disallowed_methods, reason = "`cargo xtask test` says where the script is")]
    let Some(script) = std::env::var_os("AXE_SCRIPT") else {
        println!(
            "not run: AXE_SCRIPT names no script of axe-core; `cargo xtask test --only unit` installs it"
        );
        return;
    };
    let script = std::fs::read_to_string(script).unwrap() + "; 1";
    with_browser(&busy(), async |tab| {
        tab.enter().await;
        for path in PAGES {
            tab.open(path).await;
            tab.value::<u32>(&script).await;
            for (width, scheme) in [(360, "light"), (1_280, "dark")] {
                tab.look(width, scheme).await;
                let found: Vec<String> = tab.value(FOUND).await;
                assert_eq!(found, [""; 0], "{path}, {width} px, {scheme}");
            }
        }
    })
    .await;
}
