import type { ChainWriter, FullCoordinator, Wallet } from '../../../chain/types/index.ts'

export interface WriterHooks {
  /** A registration is on the chain, and nobody has been told yet. */
  registered?: () => Promise<void>
  /** A certificate is about to be sent. */
  certifying?: () => Promise<void>
}

/** The coordinator, but something happens between the steps of what its writers do. Closing it closes the given one. */
export function withWriterHooks(
  coordinator: FullCoordinator,
  { registered, certifying }: WriterHooks,
): FullCoordinator {
  const writerOf = (wallet: Wallet): ChainWriter => {
    const writer = coordinator.writer(wallet)
    return {
      wallet,
      register: (...args) => writer.register(...args),
      extend: (...args) => writer.extend(...args),
      deleteBlob: (...args) => writer.deleteBlob(...args),
      async prepareRegistration(...args) {
        const prepared = await writer.prepareRegistration(...args)
        return {
          async submit() {
            const submitted = await prepared.submit()
            await registered?.()
            return submitted
          },
          [Symbol.dispose]: () => prepared[Symbol.dispose](),
        }
      },
      async certify(...args) {
        await certifying?.()
        return await writer.certify(...args)
      },
    }
  }
  return new Proxy(coordinator, {
    get(target, name) {
      if (name === 'writer') return writerOf
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
