import { codesOf } from '../../base/causes.ts'
import type { CommitteeMember } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'

/** What a node did for a request that failed. */
export interface NodeAnswer {
  nodeId: ObjectId
  name: string
  /** what it gave of the blob, and what it said not to have */
  gave: number
  lacked: number
  /** Code of what went wrong after that; `SILENT` when it said nothing while it was waited for, `WRONG` when it was caught lying. */
  failure?: string
}

const MAX_NAMES = 5

/** What each of the nodes that were asked did: told to those whose request fails, or else nobody knows whom to look after. */
export class Answers {
  readonly #answers = new Map<ObjectId, NodeAnswer>()

  asked(member: CommitteeMember): void {
    this.#of(member)
  }

  gave(member: CommitteeMember): void {
    const answer = this.#of(member)
    answer.gave++
    if (answer.failure !== 'WRONG') delete answer.failure
  }

  lacked(member: CommitteeMember): void {
    this.#of(member).lacked++
  }

  /** It may be asked again, and do better. */
  failed(member: CommitteeMember, error: unknown): void {
    this.#of(member).failure = codesOf(error)[0] ?? 'ABORTED'
  }

  wrong(member: CommitteeMember): void {
    this.#of(member).failure = 'WRONG'
  }

  /** In the order in which they were asked. */
  list(): NodeAnswer[] {
    return Array.from(this.#answers.values(), answer =>
      answer.gave + answer.lacked === 0 ? { failure: 'SILENT', ...answer } : { ...answer },
    )
  }

  /** As the end of a sentence; empty when all that were asked gave what they were asked for. */
  tell(): string {
    const groups = new Map<string, string[]>()
    for (const { name, lacked, failure } of this.list()) {
      const what = failure ?? (lacked > 0 ? 'not there' : undefined)
      if (what !== undefined) groups.set(what, [...(groups.get(what) ?? []), name])
    }
    const told = Array.from(groups, ([what, names]) => {
      const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
      return `${what}: ${names.slice(0, MAX_NAMES).join(', ')}${more}`
    })
    return told.length === 0 ? '' : ` (${told.join('; ')})`
  }

  #of({ nodeId, name }: CommitteeMember): NodeAnswer {
    const answer = this.#answers.get(nodeId) ?? { nodeId, name, gave: 0, lacked: 0 }
    this.#answers.set(nodeId, answer)
    return answer
  }
}
