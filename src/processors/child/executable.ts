import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { basename } from "node:path";
import { quoted } from "../../core/error.ts";
import { Invalid } from "../lifecycle/options.ts";
import { elfProblem } from "./elf.ts";
import { isLack } from "./lack.ts";

/** Bytes of a file that Linux reads to find its first line. */
const HEAD_BYTES = 256;
/** Interpreters that are scripts themselves: as many in a row as Linux follows. */
const MAX_INTERPRETERS = 5;
/** Stands for the start of a file that is there to be run and not to be read. */
const UNREADABLE = "\x7f";
const BOM = "\xef\xbb\xbf";

/**
 * Checks that the system can run a file. Without this check, the failure would show only after the program
 * that the file replaces has ended.
 *
 * @param file a script; messages call it "the script", because its author does not know this path
 * @param path the PATH of the environment in which the script will run
 * @throws Invalid
 */
export function checkExecutable(file: string, path: string): void {
  const head = headOf(file, "the script");
  if (head.startsWith(`${BOM}#!`))
    throw new Invalid(
      "the script begins with a byte order mark, and with #! only after that: save it as UTF-8 without the mark",
    );
  checkProgram(file, "the script", head, path, 0);
}

function checkProgram(file: string, who: string, head: string, path: string, deep: number): void {
  checkAccess(file, who);
  if (head.startsWith("#!")) {
    checkFirstLine(who, head, path, deep);
  } else if (process.platform !== "linux" || head === UNREADABLE || hasOtherFormats()) {
    return;
  } else if (head.startsWith("\x7fELF")) {
    const problem = elfProblem(head);
    if (problem !== undefined) throw new Invalid(`${who} cannot be executed: ${problem}`);
  } else {
    throw new Invalid(`${who} cannot be executed: it does not begin with #!, and is no program`);
  }
}

/** Checks the program that a #! line names. @throws Invalid */
function checkFirstLine(who: string, head: string, path: string, deep: number): void {
  const [line = ""] = head.split("\n", 1);
  if (line.endsWith("\r"))
    throw new Invalid(
      `the first line of ${who} ends in CRLF, so the system would look for ${quoted(line.slice(2))}: save it with LF alone, as  sed 's/\\r$//'  does`,
    );
  const [, interpreter = "", argument = ""] =
    /^#![ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  const isCut =
    line.length === head.length && head.length === HEAD_BYTES && !/^#![ \t]*\S+[ \t]/.test(line);
  if (isCut)
    throw new Invalid(
      `the first line of ${who} is too long: at most ${HEAD_BYTES - 1} bytes count`,
    );
  if (interpreter === "") throw new Invalid(`${who} begins with #!, and names no program after it`);
  if (deep === MAX_INTERPRETERS)
    throw new Invalid(`${interpreter} is the interpreter of its own interpreter`);
  const called = `${interpreter}, which the first line of ${who} names,`;
  checkProgram(interpreter, called, headOf(interpreter, called), path, deep + 1);
  if (basename(interpreter) === "env") checkCommand(commandOf(who, argument), path);
}

/** The command that env(1) will look for; undefined where only env can tell. @throws Invalid */
function commandOf(who: string, argument: string): string | undefined {
  const split = /^-S[ \t]*(.*)|^--split-string[= \t](.*)/.exec(argument);
  const words = (split ? (split[1] ?? split[2] ?? "") : argument).split(/[ \t]+/);
  const at = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
  const [command, ...rest] = at < 0 ? [] : words.slice(at);
  if (!command || /^-|["'\\$]/.test(command) || words.some((word) => word.startsWith("PATH=")))
    return undefined;
  // Linux passes everything after the interpreter as one argument.
  if (!split && rest.length > 0 && process.platform === "linux")
    throw new Invalid(
      `the first line of ${who} has env look for a program named ${quoted(argument)}: write  #!/usr/bin/env -S ${argument}`,
    );
  return command;
}

function checkCommand(command: string | undefined, path: string): void {
  if (command === undefined) return;
  if (command.includes("/")) checkAccess(command, command);
  else if (!Bun.which(command, { PATH: path }))
    throw new Invalid(`there is no ${command} on the PATH of the server`);
}

function checkAccess(file: string, who: string): void {
  try {
    if (!statSync(file).isFile()) throw new Invalid(`${who} is no program`);
    accessSync(file, constants.X_OK);
  } catch (error) {
    throw refusal(error, who);
  }
}

function headOf(file: string, who: string): string {
  try {
    const fd = openSync(file, "r");
    try {
      const bytes = Buffer.alloc(HEAD_BYTES);
      return bytes.toString("latin1", 0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as { code?: string };
    // A program may be executable without being readable: it counts as a program.
    if (code === "EACCES") return UNREADABLE;
    if (code === "EISDIR") return "";
    throw refusal(error, who);
  }
}

function refusal(error: unknown, who: string): Error {
  if (error instanceof Invalid || isLack(error)) return error as Error;
  const { code, message } = error as { code?: string; message: string };
  if (code === "ENOENT" || code === "ENOTDIR") return new Invalid(`${who} is no program here`);
  if (code === "EACCES")
    return new Invalid(
      `${who} cannot be executed here: its mode does not allow it, or the file system is mounted noexec`,
    );
  return new Invalid(`${who} cannot be executed: ${message}`);
}

/** Whether this Linux runs registered formats besides ELF and #! (binfmt_misc). */
function hasOtherFormats(): boolean {
  try {
    const names = readdirSync("/proc/sys/fs/binfmt_misc");
    return names.some((name) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}
