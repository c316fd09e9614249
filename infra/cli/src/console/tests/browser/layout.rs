//! Widths and colours. The screenshots are for people to look at.

use super::*;
use std::path::Path;

/// What the viewer has; and whether it is kept as a screenshot, which takes longer than all else here.
const VIEWERS: [(u32, &str, bool); 6] = [
    (360, "light", true),
    (360, "dark", false),
    (768, "light", true),
    (768, "dark", true),
    (1_920, "light", true),
    (1_920, "dark", false),
];

#[tokio::test]
async fn no_page_scrolls_sideways_from_a_telephone_to_a_large_screen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/console-screenshots");
    let stack = busy();
    with_browser(&stack, async |tab| {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        tab.enter().await;
        let change = asked(tab).await;
        for path in PAGES.into_iter().chain([change.as_str()]) {
            tab.open(path).await;
            let name = path.split('?').next().unwrap().trim_matches('/').replace('/', "-");
            let name = if name.is_empty() { "overview" } else { &name };
            for (width, scheme, is_kept) in VIEWERS {
                tab.look(width, scheme).await;
                if is_kept {
                    let file = folder.join(format!("{name}-{width}-{scheme}.png"));
                    std::fs::write(file, tab.screenshot().await).unwrap();
                }
                let (needed, there): (u32, u32) =
                    tab.value("[document.documentElement.scrollWidth, innerWidth]").await;
                assert!(needed <= there, "{path} needs {needed} of {there} px");
            }
        }
    })
    .await;
}

/// The address of a change that waits for its confirmation.
async fn asked(tab: &Tab<'_>) -> String {
    tab.open("/dead-letters").await;
    tab.click("button[name=do][value=redrive-page]").await;
    tab.until("location.pathname === '/change' && document.readyState === 'complete'").await;
    tab.value("location.pathname + location.search").await
}
