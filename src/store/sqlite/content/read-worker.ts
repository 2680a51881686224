// A thread that adds content to the lines of frames, from its files, so that the server's own thread neither waits for
// the disk nor works on each frame.
import { InlinePages, type PageWithFiles } from "./inline-page.ts";

declare const self: Worker;

/** The folder of all files, and a descriptor of it. */
export interface ReaderFolder {
  readonly path: string;
  readonly descriptor: number;
}

/** A message to the worker: first where the files are, then pages of NDJSON. */
export type ToReader = ReaderFolder | Uint8Array;
/** The answer to a page. */
export type FromReader = PageWithFiles;

let pages: InlinePages | undefined;

self.onmessage = ({ data }: MessageEvent<ToReader>) => {
  if (!(data instanceof Uint8Array)) {
    pages = new InlinePages(data.path, data.descriptor);
  } else if (pages) {
    const answer: FromReader = pages.add(data);
    postMessage(answer, [answer.bytes.buffer]);
  }
};
