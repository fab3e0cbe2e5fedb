import type { Model, ModelOptions } from './model.ts'

/** Makes a model for images and classes. */
export type MakeModel = (options: ModelOptions) => Model

/** Models of one structure, with what the command line and docs/models.md say of them. */
export interface Family {
  readonly title: string
  readonly paper?: string
  /** The structure, and what the maps before the activation are. */
  readonly about: string
  /** By name. */
  readonly models: Readonly<Record<string, MakeModel>>
}
