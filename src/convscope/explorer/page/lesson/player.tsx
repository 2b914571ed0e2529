// A lesson beside the views: a text for each state, what to do, a prediction before the result, a question at the end.

import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { useApp } from "../app.ts";
import type { Choice, Numeric, Task } from "../document.ts";
import { isTask, judged, reached } from "./check.ts";
import { Course, netFacts } from "./course.ts";

export function Player({ place }: { place: HTMLElement }) {
  const app = useApp();
  const lesson = app.document.lesson;
  const course = useMemo(() => lesson && new Course(app, lesson), [app, lesson]);
  useEffect(() => () => course?.leave(), [course]);
  const cover = course?.cover ?? "";
  useLayoutEffect(() => {
    if (cover) place.dataset.covered = cover;
    else delete place.dataset.covered;
  }, [cover]);
  if (!course || !lesson) return null;
  const count = lesson.steps.length;
  return (
    <section class="lesson" aria-label={`Lesson: ${lesson.title}`}>
      <header>
        <h2>{lesson.title}</h2>
        <ol aria-label="Steps">
          {Array.from({ length: count + 1 }, (_, i) => (
            <li key={i}>
              <button
                type="button"
                aria-current={i === course.at ? "step" : undefined}
                aria-label={i < count ? `Step ${i + 1} of ${count}` : "Question"}
                onClick={() => course.go(i)}
              >
                {i < count ? i + 1 : "?"}
              </button>
            </li>
          ))}
        </ol>
      </header>
      {course.step ? <OneStep key={course.at} course={course} /> : <End key="end" course={course} />}
    </section>
  );
}

function OneStep({ course }: { course: Course }) {
  const step = course.step;
  if (!step) return null;
  const { ready, at } = course;
  const predicted = course.predicted.value[at];
  return (
    <>
      {at === 0 && <p class="idea">{course.lesson.idea}</p>}
      <p class="read">{step.read}</p>
      {step.predict && predicted === undefined && (
        <Asked
          question={step.predict}
          button="Predict, then look"
          given={(text) => course.predict(text)}
        />
      )}
      {step.predict && predicted !== undefined && <p class="dim">You predicted: {shown(step.predict, predicted)}.</p>}
      <div role="status">{ready && step.notice && <p class="notice-it">{step.notice}</p>}</div>
      <p class="buttons">
        <button type="button" class="btn" disabled={at === 0} onClick={() => course.go(at - 1)}>Back</button>
        <button type="button" class={ready ? "btn go" : "btn"} onClick={() => course.go(at + 1)}>
          {ready ? "Next" : "Skip"}
        </button>
      </p>
    </>
  );
}

const shown = (question: Numeric | Choice, answer: string): string =>
  question.kind === "choice" ? question.options[Number(answer)] ?? answer : answer;

/** A question with a field for a number, or with answers to choose from. */
function Asked({ question, button, given }: {
  question: Numeric | Choice;
  button: string;
  given: (text: string) => void;
}) {
  const [text, types] = useState("");
  const name = `ask-${question.ask.length}`;
  return (
    <form
      class="asked"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) given(text.trim());
      }}
    >
      {question.kind === "choice"
        ? (
          <fieldset>
            <legend>{question.ask}</legend>
            {question.options.map((option, i) => (
              <label key={option}>
                <input
                  type="radio"
                  name={name}
                  value={i}
                  checked={text === String(i)}
                  onChange={() => types(String(i))}
                />
                {option}
              </label>
            ))}
          </fieldset>
        )
        : (
          <label>
            <span>{question.ask}</span>
            <input
              type="text"
              inputMode="decimal"
              autocomplete="off"
              size={10}
              value={text}
              onInput={(event) => types(event.currentTarget.value)}
            />
          </label>
        )}
      <button type="submit" class="btn" disabled={!text.trim()}>{button}</button>
    </form>
  );
}

function End({ course }: { course: Course }) {
  const { question, hand, wrong, further } = course.lesson;
  return (
    <>
      {isTask(question) ? <Done task={question} /> : <Question course={course} question={question} />}
      <h3>By hand</h3>
      <p>{hand}</p>
      <h3>Often written, wrong</h3>
      <p>{wrong}</p>
      <h3>Go further</h3>
      <p>{further}</p>
      <p class="buttons">
        <button type="button" class="btn" onClick={() => course.go(course.at - 1)}>Back</button>
      </p>
    </>
  );
}

function Question({ course, question }: { course: Course; question: Numeric | Choice }) {
  const answer = course.answer.value;
  const verdict = answer ? judged(question, answer) : null;
  return (
    <>
      <Asked question={question} button="Check" given={(text) => course.answer.value = text} />
      <div role="status">
        {verdict && (
          <p class="notice-it">
            {verdict.right ? `${shown(question, answer)} is right.` : `Not ${shown(question, answer)}. ${verdict.hint}`}
          </p>
        )}
      </div>
    </>
  );
}

function Done({ task }: { task: Task }) {
  const app = useApp();
  const met = reached(task.until, netFacts(app));
  return (
    <>
      <p class="read">{task.ask}</p>
      <div role="status">{met && <p class="notice-it">Your net does it.</p>}</div>
    </>
  );
}
