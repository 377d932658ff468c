/** Type declarations of the Truepush SDK 1.3 (docs/sdk.md). Copy this file into your project, or reference it. */

export type TruepushState = "unsupported" | "blocked" | "default" | "subscribed" | "unsubscribed" | "error";
export type TruepushConsent = "not required" | "required" | "given" | "refused";
export type TruepushValue = string | number | boolean | null;

export interface TruepushOptions {
  /** The site key, to be checked against the snippet's. */
  id?: string;
  /** The language of prompts, for example "de" or "pt-BR"; without it the browser's. */
  language?: string;
  /** false: nothing asks by itself, only showPrompt(), the bell and the page's own elements do. */
  autoPrompt?: boolean;
  /** "required": nothing is kept, asked or told before setConsent(true). */
  consent?: "required";
}

/** `prompt` is the prompt's number in the console, 0 for the page's own elements and code. */
export interface TruepushPromptEvent {
  prompt: number;
  version: number;
  step: "shown" | "accepted" | "dismissed" | "native" | "granted" | "denied" | "closed" | "subscribed";
}

export interface TruepushApi {
  /** Resolves to the state once the SDK has started; `done` hears null, or what went wrong. */
  Init(options?: TruepushOptions, done?: (error: Error | null) => void): Promise<TruepushState>;
  state(): TruepushState;
  /** Only while a click or key press is being handled. Never rejects. */
  subscribe(): Promise<TruepushState>;
  unsubscribe(): Promise<TruepushState>;
  /** Shows the website's first prompt that fits this page, whatever its conditions of time and number. */
  showPrompt(): Promise<TruepushState>;
  consent(): TruepushConsent;
  /** false ends the subscription and forgets everything but the refusal. */
  setConsent(isGiven: boolean): Promise<TruepushState>;
  /** The subscriber's number in the console; null for who is not subscribed. */
  GetSubscriberId(): Promise<number | null>;
  addTags(tags: string | string[]): void;
  removeTags(tags: string | string[]): void;
  /** undefined where the server cannot be asked and was never asked before. */
  getTags(): Promise<string[] | undefined>;
  /** null removes an attribute. */
  setAttributes(attributes: Record<string, TruepushValue>): void;
  track(name: string, properties?: Record<string, TruepushValue>): void;
  /** `signature`: HMAC-SHA256 of the id with the website's identity secret, in hexadecimal, made by your server. */
  setExternalId(externalId: string | number, signature?: string): void;
  /** Returns what ends it. */
  on(event: "state", handler: (state: TruepushState) => void): () => void;
  on(event: "error", handler: (error: Error) => void): () => void;
  on(event: "prompt", handler: (step: TruepushPromptEvent) => void): () => void;
}

export interface Truepush extends TruepushApi {
  /** Calls each function with the API, at once or as soon as the SDK is there. */
  push(...tasks: Array<(api: TruepushApi) => void>): void;
}

declare global {
  interface Window {
    truepush: Truepush | Array<(api: TruepushApi) => void>;
  }
}
