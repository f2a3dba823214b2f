import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createCodec } from '../../codec/index.ts'

/** Modules that a module loads at once: type imports are gone when it runs. */
function staticImports(url: URL): string[] {
  const text = readFileSync(url, 'utf8')
  const imports = text.matchAll(/^(?:import|export)\s+(?!type\b)[^'"`;]*?from\s*'([^']+)'/gm)
  return [...imports]
    .filter(
      ([statement]) =>
        !/\{([^}]*)\}/
          .exec(statement)?.[1]
          ?.split(',')
          .every(name => name.trim() === '' || name.trim().startsWith('type ')),
    )
    .map(([, target]) => target!)
}

describe('the codec outside of Node', () => {
  it('loads no module of Node', () => {
    const seen = new Set<string>()
    const queue = [new URL('../../codec/index.ts', import.meta.url)]
    for (const url of queue) {
      for (const target of staticImports(url)) {
        assert.ok(!target.startsWith('node:'), `${url.pathname} imports ${target}`)
        const next = new URL(target, url)
        if (!target.startsWith('.') || seen.has(next.href)) continue
        seen.add(next.href)
        queue.push(next)
      }
    }
    assert.ok(seen.size > 30)
  })

  it('works without shared memory', async () => {
    const shared = globalThis.SharedArrayBuffer
    let codec: ReturnType<typeof createCodec>
    try {
      Reflect.deleteProperty(globalThis, 'SharedArrayBuffer')
      codec = createCodec()
    } finally {
      globalThis.SharedArrayBuffer = shared
    }
    const blob = await codec.encode(Uint8Array.of(1, 2, 3), 10)
    const ref = { pair: 0 as never, axis: 'primary' as const }
    assert.ok(blob.view(ref).buffer instanceof ArrayBuffer)
    await codec.verifySliver(blob.metadata, ref, blob.sliver(ref))
    const { metadata } = blob
    const sources = [9, 8, 7, 6].map(pair => ({ pair: pair as never, axis: 'primary' as const }))
    const targets = [{ pair: 1 as never, axis: 'secondary' as const }]
    const slivers = sources.map(source => ({ metadata, ref: source, bytes: blob.sliver(source) }))
    assert.deepEqual(await codec.verifySlivers(slivers), [undefined, undefined, undefined, undefined])
    const symbols = await codec.symbolsFor(
      slivers.map(({ ref: source, ...rest }) => ({ ...rest, source, targets })),
    )
    const received = symbols.map(({ value }) => value!)
    const [recovered] = await codec.recoverSlivers({ metadata, targets, received })
    assert.deepEqual(recovered!.value, blob.sliver(targets[0]!))
    await codec.close()
  })

  it('says what to do when the kernel has not been built', async () => {
    const { loadKernel } = await import('../../codec/host/kernel.ts')
    await assert.rejects(loadKernel(false, 'nothing' as 'plain'), {
      code: 'KERNEL_MISSING',
      message: /npm run build/,
    })
  })
})
