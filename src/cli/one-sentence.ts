import type { Command } from 'commander'

/** Has a command throw what it refuses, for `exitCodeOf`, and print it in the form that all our messages have. */
export const inOneSentence = (command: Command): Command =>
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(oneSentence(text)) })

const oneSentence = (text: string): string =>
  `${text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/, '. Did you mean $1?')}\n`
