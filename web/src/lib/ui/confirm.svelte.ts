/** A question before something is done that cannot simply be taken back. */
export interface Question {
  title: string;
  /** What will happen, in a sentence or two. */
  text: string;
  /** The names of what is affected; the dialog shows some and counts the rest. */
  affected?: string[];
  /** What the button says: the deed, not "OK". */
  action: string;
  danger?: boolean;
  /** Has to be typed before the button works: for deleting. */
  typed?: string;
  /** Does it, while the dialog waits and shows what goes wrong. Without it the answer alone counts. */
  act?: () => Promise<void>;
  /** A reason may be given; `act` finds it in `answer.reason`. */
  reason?: { label: string; hint?: string; max: number };
}

class Confirmation {
  question = $state.raw<Question | null>(null);
  reason = $state("");
  #answer: ((yes: boolean) => void) | null = null;

  /** True when the person said yes (and `act` went through). */
  ask(question: Question): Promise<boolean> {
    this.#answer?.(false);
    this.reason = "";
    this.question = question;
    return new Promise((answer) => (this.#answer = answer));
  }

  answer(yes: boolean): void {
    this.question = null;
    const answer = this.#answer;
    this.#answer = null;
    answer?.(yes);
  }
}

export const confirmation = new Confirmation();

/** Asks; true when the person said yes. */
export function confirm(question: Question): Promise<boolean> {
  return confirmation.ask(question);
}
