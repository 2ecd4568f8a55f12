import fc from 'fast-check';
import type { Property } from './properties.ts';

/** The third of its cases does not come to an end. */
function circling(isForeign: boolean): Property {
  let cases = 0;
  const circles = () => {
    while (cases > 0) cases += 1;
  };
  return {
    title: 'circles',
    cases: 5,
    isForeign: () => isForeign,
    make: (check) =>
      fc.asyncProperty(fc.constant(0), async () => {
        cases += 1;
        if (cases === 3) setImmediate(circles);
        await new Promise((resolve) => setTimeout(resolve, 20));
        await check();
      }),
  };
}

export const PROPERTIES = [circling(false), circling(true)];
