import { framesIn } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { idAt, later, type Place, positionAt } from "../../core/place.ts";
import { READ_ALL } from "../../core/read-options.ts";
import type { FrameReader } from "../../store/frame-reader.ts";
import type { Change } from "../../store/types.ts";
import { howItEnded } from "../child/exit.ts";
import { writeLines, writeValues } from "../child/output.ts";
import { Program } from "../child/program.ts";
import { checkScript, type Prepared, prepare } from "../child/runtime.ts";
import { StderrWriter } from "../child/stderr-writer.ts";
import {
  readRecord,
  retryWhileDiskFull,
  type Subject,
  shortReason,
  writeRecord,
} from "../lifecycle/answers.ts";
import {
  DUPLEX_WITH_SCHEDULE,
  Invalid,
  nothingToResume,
  type ScheduleOptions,
} from "../lifecycle/options.ts";
import type { Attempt, Processor, ProcessorHost, Spawn } from "../lifecycle/processor.ts";
import { Slots } from "../schedule/slots.ts";

/** How long a replaced generator may take to end after the end of its input, in ms. */
const END_OF_INPUT_MS = 5000;

/** A frame whose content was written to the program; `end` is where that ends in the input, in bytes. */
interface Sent {
  readonly place: Place;
  readonly end: number;
}

/**
 * A generator: the output of its program becomes frames. A duplex generator also writes the content of the
 * frames NAME.send to its program. When a program ends, its guard counts the input that it never read
 * (guard.ts), and the next program gets that input again.
 */
export class Generator implements Processor {
  readonly subject: Subject;
  readonly spawn: Spawn;
  readonly #host: ProcessorHost;
  /** When its program runs; undefined where that runs all the time. */
  slots: Slots | undefined;
  #prepared: Prepared | undefined;
  #program: Program | undefined;
  #reader: FrameReader | undefined;
  /** Of a duplex generator: a program has read every frame up to this place. */
  #cursor: Place;
  #sent: Sent[] = [];
  #endAt: Place | undefined;
  readonly #abort = new AbortController();
  /** Settles when the program is gone, its output is in the store and the cursor is written. */
  #over: Promise<void> | undefined;

  constructor(host: ProcessorHost, spawn: Spawn) {
    this.#host = host;
    this.spawn = spawn;
    this.subject = spawn.subject;
    this.#cursor = spawn.subject.spawnId;
  }

  async load(signal: AbortSignal): Promise<void> {
    const { subject, script, options, duplex } = this.spawn;
    if (options.schedule) await this.#setSchedule(options.schedule);
    this.#prepared = prepare(this.#host.place, subject, script, options);
    await checkScript(this.#prepared, signal);
    if (!duplex) return;
    const { own, before } = await readRecord(this.#host.store, subject, options.resume);
    if (options.resume && !own) throw nothingToResume(subject.kind, subject.name);
    this.#cursor = own ? own.cursor : later(this.#host.store.placeOf(subject.spawnId), before);
  }

  /** @throws Invalid */
  async #setSchedule(schedule: ScheduleOptions): Promise<void> {
    const { subject, duplex, options } = this.spawn;
    if (duplex) throw new Invalid(DUPLEX_WITH_SCHEDULE);
    const spawnedAt = timestampOf(subject.spawnId);
    this.slots = await Slots.open(this.#host, subject, schedule, spawnedAt, options.resume);
  }

  async startAfter(place: Place): Promise<void> {
    this.#cursor = place;
    // The predecessor may have run a slot since this one loaded.
    if (this.spawn.options.schedule) await this.#setSchedule(this.spawn.options.schedule);
  }

  activation(): Change[] {
    if (this.slots) return [this.slots.record()];
    return this.spawn.duplex ? [writeRecord(this.subject, this.#cursor)] : [];
  }

  remains(): Change[] {
    return this.activation();
  }

  get runtime(): string | undefined {
    return this.#prepared?.runtime;
  }

  get pid(): number | undefined {
    return this.#program?.pid;
  }

  attempt(): Promise<Attempt> {
    const attempt = this.#run();
    const over = () => {};
    this.#over = attempt.then(over, over);
    return attempt;
  }

  async #run(): Promise<Attempt> {
    const prepared = this.#prepared;
    if (!prepared || this.#abort.signal.aborted) return { stopped: true };
    const { store } = this.#host;
    const { name, spawnId } = this.subject;
    const program = await Program.start(prepared, this.#abort.signal);
    this.#program = program;
    const meta = { spawn_id: spawnId };
    const stderr = new StderrWriter(program.stderr, { store, topic: `${name}.stderr`, meta });
    const target = { store, topic: `${name}.recv`, meta, ttl: this.spawn.options.ttl };
    const write = prepared.speaks === "lines" ? writeLines : writeValues;
    let failure: Error | undefined;
    const output = write(program.stdout, target).catch((error) => {
      failure = error as Error;
      program.stop();
      program.closeOutput();
    });
    const feeding = this.spawn.duplex ? this.#feed(program) : undefined;
    if (!feeding) program.closeInput();
    const exit = await program.exited;
    this.#program = undefined;
    this.#reader?.close();
    await Promise.all([output, stderr.done, feeding]);
    await this.#moveCursor(program.written - exit.unread);
    if (failure && !this.#abort.signal.aborted)
      return { failed: { reason: shortReason(failure.message) } };
    if (this.#abort.signal.aborted) return { stopped: true };
    const how = howItEnded(exit);
    return { exit, reason: shortReason(stderr.tail ? `${how}: ${stderr.tail}` : how) };
  }

  async handOver(successor: Place): Promise<Place> {
    if (this.spawn.duplex && this.#program) {
      this.#endAt = successor;
      this.#reader?.close();
      const { exited } = this.#program;
      // The program gets every frame sent before the successor, and then the end of its input.
      await Promise.race([exited, Bun.sleep(END_OF_INPUT_MS)]);
    }
    await this.stop();
    return this.spawn.duplex ? this.#cursor : successor;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#reader?.close();
    this.#program?.stop();
    // Not just until the program is gone: its output has to be stored, and its cursor known.
    await this.#over;
  }

  dispose(): void {
    this.#prepared?.dispose();
  }

  /** Moves the cursor to the last frame that the program read whole. @param consumed bytes of its input */
  async #moveCursor(consumed: number): Promise<void> {
    const read = this.#sent.filter(({ end }) => end <= consumed);
    this.#sent = [];
    if (!this.spawn.duplex) return;
    this.#cursor = read.at(-1)?.place ?? this.#cursor;
    const record = [writeRecord(this.subject, this.#cursor)];
    await retryWhileDiskFull(() => this.#host.store.apply(record)).catch(() => {});
  }

  /** Writes the frames NAME.send after the cursor to the program, but for those that an import brought. */
  async #feed(program: Program): Promise<void> {
    const { store } = this.#host;
    const topics = [`${this.subject.name}.send`];
    let given = this.#cursor;
    const feedFrom = async (reader: FrameReader): Promise<void> => {
      for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
        if (reader.position !== undefined) continue;
        for (const { id, topic, hash } of framesIn(bytes)) {
          if (this.#endAt !== undefined && id > this.#endAt) return;
          given = id;
          if (hash === null || !topics.includes(topic) || program.pid === undefined) continue;
          const content = await retryWhileDiskFull(() => store.content.open(hash));
          if (!content) continue;
          // Counted before the write, which may fail: the next program gets what this one never read.
          const end = program.written + content.size;
          for await (const piece of content.stream()) await program.write(piece);
          this.#sent.push({ place: id, end });
          // Written at once, so that a server that is killed here does not feed this frame twice.
          await retryWhileDiskFull(() => store.apply([writeRecord(this.subject, id)]));
        }
      }
    };
    try {
      const read = (follow: boolean) => {
        const place = { after: idAt(given), position: positionAt(given) };
        return store.read({ ...READ_ALL, ...place, order: "arrival", topics, follow });
      };
      const reader = read(true);
      this.#reader = reader;
      await feedFrom(reader);
      reader.close();
      if (this.#endAt === undefined || this.#abort.signal.aborted) return;
      await feedFrom(read(false));
      program.closeInput();
    } catch (error) {
      if (!this.#abort.signal.aborted)
        process.stderr.write(`xs: ${this.subject.name}: ${(error as Error).message}\n`);
      program.stop();
    }
  }
}
