//! What a month costs in which no webhook comes: `cargo xtask bench --idle-bill`. What the templates have is counted in them.

mod bill;
mod templates;

pub(crate) use bill::{OPEN_TICKETS, markdown, totals};

#[cfg(test)]
mod tests {
    use super::markdown;

    /// D3 of the AWS facts: the page's table is the model's.
    #[test]
    fn the_bill_in_the_documents_is_the_one_that_is_computed() {
        let page = include_str!("../../../../docs/deploy.md");
        let bill = markdown().unwrap();
        assert!(
            page.contains(&bill),
            "docs/deploy.md must have this table (cargo xtask bench --idle-bill):\n{bill}"
        );
    }
}
