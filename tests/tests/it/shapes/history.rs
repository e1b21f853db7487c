//! A history with random contents, in the format of `git fast-import`.

/// The seed of the histories. Each row adds its number.
pub(crate) const SEED: u64 = 20_261_130;

/// A generator of pseudo-random numbers: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn word(&mut self) -> String {
        (0..3 + self.below(6)).map(|_| char::from(b'a' + (self.next() % 26) as u8)).collect()
    }

    fn text(&mut self) -> String {
        let mut line = || (0..1 + self.below(8)).map(|_| self.word() + " ").collect::<String>();
        (0..3).map(|_| line() + "\n").collect()
    }
}

/// Returns three commits on the branch `main`: `notes.txt` with the lines *one* and *two*, a program,
/// a symbolic link, and files with random names and contents.
pub(crate) fn history(seed: u64) -> String {
    let mut random = Random(seed);
    let mut stream = String::new();
    for number in 1..=3 {
        let date = format!("t <t@example.org> {} +0000", 1_700_000_000 + number);
        stream.push_str(&format!("commit refs/heads/main\nauthor {date}\ncommitter {date}\n"));
        stream.push_str(&format!("data 5\nstep{number}\n"));
        let mut file = |mode: &str, path: &str, content: &str| {
            let length = content.len();
            stream.push_str(&format!("M {mode} inline {path}\ndata {length}\n{content}\n"));
        };
        if number == 1 {
            file("100644", "notes.txt", "one\ntwo\n");
            file("100755", "bin/run", "#!/bin/sh\n");
            file("120000", "docs/notes", "../notes.txt");
        }
        for _ in 0..3 {
            let path = format!("src/{}/{}.txt", random.word(), random.word());
            file("100644", &path, &random.text());
        }
    }
    stream
}
