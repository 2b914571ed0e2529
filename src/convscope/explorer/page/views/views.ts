// The views, in the order of their keys. To add one, write its file and its line here.

import type { ComponentType } from "preact";
import type { App } from "../app.ts";
import { benchKeys, BenchView } from "./bench.tsx";
import { Channel, channelKeys } from "./channel.tsx";
import { Health, healthKeys, healthMissing } from "./health.tsx";
import { mapKeys, MapView } from "./map.tsx";
import { microKeys, MicroView } from "./micro.tsx";
import { Mistakes, mistakesKeys, mistakesMissing } from "./mistakes.tsx";
import { OfMistake } from "./mistakes/aside.tsx";
import { reachKeys, ReachView } from "./reach.tsx";
import { Runs, runsKeys } from "./runs.tsx";
import { OfRun } from "./runs/aside.tsx";

export interface View {
  id: string;
  name: string;
  question: string;
  Body?: ComponentType;
  /** The selection in exact numbers, where it is not a layer. */
  Aside?: ComponentType;
  /** Handle a key; returns whether it did. */
  keys?: (app: App, event: KeyboardEvent) => boolean;
  /** What a document must have for this view, in a sentence, where this one lacks it. */
  missing?: (app: App) => string;
}

const needsRun = (app: App): string =>
  app.document.run
    ? ""
    : app.link.capabilities.has("train")
    ? "This view is about a trained net. Train this one in Runs, or open a run: convscope explore RUN"
    : "This view is about a trained net. Open a run: convscope explore RUN";

const evaluated = (app: App): string => needsRun(app) || mistakesMissing(app);

export const VIEWS: readonly View[] = [
  { id: "map", name: "Map", question: "What have I built, and where do its costs go?", Body: MapView, keys: mapKeys },
  { id: "bench", name: "Bench", question: "What if I change it?", Body: BenchView, keys: benchKeys },
  {
    id: "reach",
    name: "Reach",
    question: "Is the receptive field large enough for my objects?",
    Body: ReachView,
    keys: reachKeys,
  },
  {
    id: "micro",
    name: "Microscope",
    question: "How exactly does this number arise?",
    Body: MicroView,
    keys: microKeys,
  },
  {
    id: "channel",
    name: "Channel",
    question: "What does this channel look for?",
    Body: Channel,
    keys: channelKeys,
    missing: needsRun,
  },
  {
    id: "health",
    name: "Health",
    question: "Which layer is wasted?",
    Body: Health,
    keys: healthKeys,
    missing: (app) => needsRun(app) || healthMissing(app),
  },
  {
    id: "mistakes",
    name: "Mistakes",
    question: "Why were these images misclassified?",
    Body: Mistakes,
    Aside: OfMistake,
    keys: mistakesKeys,
    missing: evaluated,
  },
  {
    id: "runs",
    name: "Runs",
    question: "When did it learn, and is the difference real?",
    Body: Runs,
    Aside: OfRun,
    keys: runsKeys,
    missing: (app) => app.link.capabilities.has("train") ? "" : needsRun(app),
  },
];
