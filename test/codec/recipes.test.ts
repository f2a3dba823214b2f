import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import * as floe from '../../codec/node.ts'
import { sliverBody } from '../../codec/sliver.ts'
import { ref, sliversOf, xorshiftBytes } from './support/data.ts'
import { MemoryBlob, MemorySlivers } from './support/memory-files.ts'

const AsyncFunction = (async () => undefined).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<unknown>

/** Runs a recipe with what it takes for granted, and all that the codec exports. */
function cook(recipe: string, given: Record<string, unknown>, results: string): Promise<unknown> {
  const names = { ...floe, ...given }
  const code = recipe.replace(/^import .*$/m, '')
  return new AsyncFunction(...Object.keys(names), `${code}\nreturn ${results}`)(...Object.values(names))
}

describe('the recipes of docs/codec.md', () => {
  const nShards = 10
  const contents = xorshiftBytes(1, 3000)
  const codec = floe.createCodec({ threads: 0 })
  after(() => codec.close())

  it('run', async () => {
    const text = await readFile(new URL('../../docs/codec.md', import.meta.url), 'utf8')
    const [basics, more, ...others] = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!)
    assert.deepEqual(others, [])

    const file = { identifier: 'a.txt', contents, tags: { lang: 'en' } }
    const { data } = await floe.encodeQuilt([file], nShards)
    const blob = await codec.encode(data, nShards)
    const { metadata } = blob
    const stored = sliversOf(blob, 'primary', [4, 5, 6, 7])
    const targets = [ref(0, 'secondary'), ref(8, 'secondary')]
    const [lost] = targets
    const symbols = []
    for (const { ref: source, bytes } of stored) {
      symbols.push(...(await codec.recoverySymbols({ metadata, source, bytes, targets: [lost!] })))
    }
    const [{ ref: source, bytes }] = stored as [(typeof stored)[number]]
    const given = { nShards, metadata, slivers: stored, bytes, symbols }

    const files = new MemorySlivers()
    await cook(
      basics!,
      { ...given, data, pair: 3, ref: source, target: lost, source: new MemoryBlob(data), files },
      'undefined',
    )
    assert.deepEqual(files.get(lost!), blob.sliver(lost!))

    const symbolsOfColumn = (index: number) => {
      const column = ref(nShards - 1 - index, 'secondary')
      return sliverBody(metadata, column, blob.sliver(column))
    }
    const sent: Uint8Array[] = []
    const send = (part: Uint8Array) => void sent.push(part)
    const cooked = await cook(
      more!,
      {
        ...given,
        codec,
        start: 100,
        end: 900,
        source,
        stored,
        targets,
        lost,
        contents,
        symbolsOfColumn,
        send,
      },
      '{ recovered, errors, patch: await quilt.readByIdentifier("a.txt") }',
    )
    const { recovered, errors, patch } = cooked as {
      recovered: floe.Outcome<Uint8Array>[]
      errors: unknown[]
      patch: { contents: Uint8Array }
    }
    assert.deepEqual(
      recovered.map(({ value }) => value),
      targets.map(target => blob.sliver(target)),
    )
    assert.deepEqual(Buffer.concat(sent), Buffer.from(contents.subarray(0, 1000)))
    assert.deepEqual(errors, [undefined, undefined, undefined, undefined])
    assert.deepEqual(patch.contents, contents)
  })
})
