// A program that searches with SQLite alone, and prints the frames. Compiled, like xs: sqlite3 of before 3.43 cannot read
// the index. Arguments: the index, the database, a word.
import { Database } from "bun:sqlite";
import { FRAMES_WITH } from "./queries.ts";

const [index = "", database = "", word = ""] = process.argv.slice(2);
const db = new Database(index, { readonly: true });
db.run("ATTACH ? AS other", [database]);
for (const { line } of db.query(FRAMES_WITH).all(word) as { line: string }[]) console.log(line);
