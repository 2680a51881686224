import type { Database } from "bun:sqlite";
import { IdSequence } from "../../core/id.ts";
import { LiveFeed } from "../live.ts";
import { CommitHorizon } from "./commit/horizon.ts";
import { ContentTables } from "./content/tables.ts";
import { ExpiryClock } from "./expiry-clock.ts";
import { Facts } from "./facts.ts";
import { LinkIndex } from "./links/link-index.ts";
import { ExpiredCounts } from "./log/expired-counts.ts";
import { FrameSearch } from "./log/frame-search.ts";
import { FrameTables } from "./log/frame-tables.ts";
import { Growing } from "./log/growing.ts";
import { Histogram } from "./log/histogram.ts";
import { Idempotency } from "./log/idempotency.ts";
import { Log } from "./log/log.ts";
import { Pages } from "./log/pages.ts";
import { Retention } from "./log/retention.ts";
import { Selector } from "./log/selection.ts";
import { Tombstones } from "./log/tombstones.ts";
import { TopicList } from "./log/topic-list.ts";
import { TopicRows } from "./log/topic-rows.ts";
import { Topics } from "./log/topics.ts";

/** The parts of a store that stand on its database, each on those before it. */
export type Parts = ReturnType<typeof openParts>;

/** @param now the system's clock, in ms */
export function openParts(db: Database, now: () => number) {
  const clock = new ExpiryClock(now);
  const facts = new Facts(db);
  const topics = new Topics(db, facts);
  topics.reload();
  const search = new FrameSearch(db, facts);
  const expired = new ExpiredCounts(db);
  const tables = new FrameTables(db, search, topics, facts, expired);
  const ids = new IdSequence(now);
  for (const id of [search.newest, facts.newest]) if (id !== "") ids.advancePast(id);
  const horizon = new CommitHorizon(ids);
  const visible = () => horizon.visible;
  const selector = new Selector(db, { search, topics });
  const pages = new Pages(db, { search, selector, now: clock.now, visible });
  const list = new TopicList(db, { search, topics, expired, now: clock.now });
  const histogram = new Histogram(db, { search, topics, selector });
  const rows = new TopicRows(db, search);
  const retention = new Retention({ db, search, topics, rows, expired, clock });
  const links = new LinkIndex(db, search, facts);
  const growing = new Growing(db, search);
  const answers = new Idempotency(db, clock.now);
  const tombstones = new Tombstones(db);
  const log = new Log({ ids, search, pages, retention, tombstones, facts });
  const contentTables = new ContentTables(db);
  const live = new LiveFeed();
  return {
    clock,
    facts,
    topics,
    search,
    tables,
    ids,
    horizon,
    pages,
    list,
    histogram,
    rows,
    retention,
    links,
    growing,
    answers,
    tombstones,
    log,
    contentTables,
    live,
  };
}
