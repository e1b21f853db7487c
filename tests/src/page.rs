//! Tables that tests print and Markdown pages contain.

/// A row: an attempt and its two results.
pub type Row = [String; 3];

/// Formats the rows as a Markdown table.
#[must_use]
pub fn table(head: [&str; 3], rows: &[Row]) -> String {
    let head = head.map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].len()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or(0));
    let line = |row: &Row| {
        let [first, second, third] = row;
        format!("| {first:0$} | {second:1$} | {third:2$} |\n", widths[0], widths[1], widths[2])
    };
    let rule = widths.map(|width| "-".repeat(width + 2)).join("|");
    let body: String = rows.iter().map(line).collect();
    format!("{}|{rule}|\n{body}", line(&head))
}
