/** A script to start from. */
export interface Example {
  readonly id: string;
  readonly title: string;
  readonly group: "picture" | "language";
  readonly source: string;
}

/** The shortest script that draws a prompt. */
export function drawingOf(prompt: string): string {
  return `(let draw (get-capability "diffusers.generate"))
(draw.textToImage ${JSON.stringify(prompt)} {:seed 7})`;
}

const FIRST: Example = {
  id: "red-circle",
  title: "A red circle",
  group: "picture",
  source: `; Press Run: take the right to draw, then use it.
${drawingOf("a red circle on a white background")}`,
};

export const EXAMPLES: readonly [Example, ...Example[]] = [
  FIRST,
  {
    id: "variations",
    title: "Four variations",
    group: "picture",
    source: `; The same words with the seeds 1 to 4.
(let draw (get-capability "diffusers.generate"))
(draw.textToImage "a yellow star at night" {:seed 1 :batch 4})`,
  },
  {
    id: "scenes",
    title: "Scenes in a grid",
    group: "picture",
    source: `; Four scenes, drawn at the same time.
(let draw (get-capability "diffusers.generate"))
(let scenes ["a blue house by day"
             "a green tree at sunset"
             "a white moon at night"
             "a red heart on a pink background"])
(par.map scenes
  (lambda [scene] (draw.textToImage scene {:seed 3})))`,
  },
  {
    id: "negative",
    title: "Negative prompt",
    group: "picture",
    source: `; What the picture should not have, and how closely to follow the words.
(let draw (get-capability "diffusers.generate"))
(draw.textToImage "a star at night"
  {:negativePrompt "yellow"
   :guidanceScale 6
   :seed 11})`,
  },
  {
    id: "colours",
    title: "Three colours",
    group: "picture",
    source: `; Prompts are text, and text can be made.
(let draw (get-capability "diffusers.generate"))
(list.map ["orange" "green" "purple"]
  (lambda [colour]
    (seq
      (log (str.concat "drawing a " colour " ring"))
      (draw.textToImage (str.concat "a " colour " ring on a white background") {:seed 5}))))`,
  },
  {
    id: "squares",
    title: "Squares",
    group: "language",
    source: `; No pictures here: a script gives back the value of its last line.
(list.map [1 2 3 4 5] (lambda [n] (* n n)))`,
  },
  {
    id: "fibonacci",
    title: "Fibonacci",
    group: "language",
    source: `(let fib
  (lambda [n]
    (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
(list.map [1 2 3 4 5 6 7 8 9 10] fib)`,
  },
  {
    id: "mistake",
    title: "A mistake",
    group: "language",
    source: `; The editor says what is wrong before anything runs.
(let total 3)
(log "the total is" totl)`,
  },
];
