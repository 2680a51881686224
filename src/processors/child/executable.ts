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
import { isLack } from "./lack.ts";

/** What Linux reads of a first line. */
const HEAD = 256;
/** Scripts that are interpreters of scripts: as many as Linux follows. */
const MOST_DEEP = 5;
const BOM = "\xef\xbb\xbf";

/**
 * Finds out whether the system can run a file: what keeps it from that would show only when the program
 * that it replaces is gone.
 *
 * @param file a script, whose own name means nothing to its author
 * @param path the PATH that it will have
 * @throws Invalid
 */
export function checkExecutable(file: string, path: string): void {
  const head = headOf(file, "the script");
  if (head.startsWith(`${BOM}#!`))
    throw new Invalid(
      "the script begins with a byte order mark, and with #! only after that: save it as UTF-8 without one",
    );
  checkProgram(file, "the script", head, path, 0);
}

function checkProgram(file: string, who: string, head: string, path: string, deep: number): void {
  checkAccess(file, who);
  if (head.startsWith("#!")) {
    checkFirstLine(who, head, path, deep);
  } else if (process.platform === "linux" && !head.startsWith("\x7fELF") && !hasOtherFormats()) {
    throw new Invalid(`${who} cannot be executed: it does not begin with #!, and is no program`);
  }
}

/** What a #! line names has to be there. */
function checkFirstLine(who: string, head: string, path: string, deep: number): void {
  const [line = ""] = head.split("\n", 1);
  if (line.endsWith("\r"))
    throw new Invalid(
      `the first line of ${who} ends in CRLF, so the system would look for ${quoted(line.slice(2))}: save it with LF alone, as  sed 's/\\r$//'  does`,
    );
  const [, interpreter = "", argument = ""] =
    /^#![ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  const isCut =
    line.length === head.length && head.length === HEAD && !/^#![ \t]*\S+[ \t]/.test(line);
  if (isCut)
    throw new Invalid(`the first line of ${who} is too long: at most ${HEAD - 1} bytes count`);
  if (interpreter === "") throw new Invalid(`${who} begins with #!, and names no program after it`);
  if (deep === MOST_DEEP)
    throw new Invalid(`${interpreter} is the interpreter of its own interpreter`);
  const called = `${interpreter}, which the first line of ${who} names,`;
  checkProgram(interpreter, called, headOf(interpreter, called), path, deep + 1);
  if (basename(interpreter) === "env") checkCommand(commandOf(who, argument), path);
}

/** The command that env(1) is to look for; undefined where that is not to be told from here. */
function commandOf(who: string, argument: string): string | undefined {
  const split = /^-S[ \t]*(.*)|^--split-string[= \t](.*)/.exec(argument);
  const words = (split ? (split[1] ?? split[2] ?? "") : argument).split(/[ \t]+/);
  const at = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
  const [command, ...rest] = at < 0 ? [] : words.slice(at);
  if (!command || /^-|["'\\$]/.test(command) || words.some((word) => word.startsWith("PATH=")))
    return undefined;
  // All of it is one word, on Linux.
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
      const bytes = Buffer.alloc(HEAD);
      return bytes.toString("latin1", 0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as { code?: string };
    // A program may well be there to be run and not to be read.
    if (code === "EACCES") return "\x7fELF";
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

/** Whether this Linux was taught to run more than its own formats (binfmt_misc). */
function hasOtherFormats(): boolean {
  try {
    const names = readdirSync("/proc/sys/fs/binfmt_misc");
    return names.some((name) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}
