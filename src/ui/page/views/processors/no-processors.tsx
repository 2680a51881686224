import { storeOption } from "../../lib/about.ts";
import { EmptyNotice } from "../../parts/notice.tsx";

/** Says how a store comes to have processors. */
export function NoProcessors() {
  return (
    <EmptyNotice title="Nothing runs on this stream">
      <p>Begin in a terminal: with a command on each event, or one every hour.</p>
      <p>
        <code>{`xs on ${storeOption()} note 'notify-send "$XS_TEXT"'`}</code>
      </p>
      <p>
        <code>{`xs generator add ${storeOption()} disk --every 1h -- df -k`}</code>
      </p>
      <p>
        They run while <code>xs serve</code> runs, and appear here at once.
      </p>
    </EmptyNotice>
  );
}
