// The binding, tested with the emulator's shared library. Ends with 1 if a test fails.
//
// There is one emulated process in the program, and no guard as Rust has one: each test ends with the
// last shutdown, after which everything starts afresh (rule I4).

using System;
using System.Collections.Generic;
using System.Threading;

internal static class Tests
{
    private const int NotInitialized = unchecked((int)0xC0040001);
    private const int InvalidSession = unchecked((int)0xC0040004);
    private const int UnknownFeature = unchecked((int)0x800F080C);

    private static int Main()
    {
        var tests = new Action[]
        {
            ASessionIsOpenedAndClosed,
            AFailureHasTheMessageOfDism,
            AnUnknownFeatureIsRefusedAndNothingIsHandedOut,
            ProgressIsReportedFrom0To100,
            ASafeHandleThatIsForgottenIsClosedByItsFinalizer,
            ASafeHandleThatIsDisposedIsClosedOnce,
            AHandleThatIsKeptAfterAFailedReloadIsClosedTwice,
        };
        var failed = 0;
        foreach (var test in tests)
        {
            try
            {
                DismException.Check(NativeMethods.DismInitialize(1, null, null));
                test();
                Equal(0, NativeMethods.DismShutdown());
                Equal(NotInitialized, NativeMethods.DismShutdown());
                Console.WriteLine("ok     " + test.Method.Name);
            }
            catch (Exception reason)
            {
                failed++;
                Console.WriteLine("FAILED " + test.Method.Name + ": " + reason);
                // What it left behind would make all tests after it fail.
                for (uint session = 2; session < 100; session++)
                {
                    NativeMethods.DismCloseSession(session);
                }
                NativeMethods.DismShutdown();
            }
        }
        Console.WriteLine("{0} of {1} tests failed", failed, tests.Length);
        return failed == 0 ? 0 : 1;
    }

    private static void ASessionIsOpenedAndClosed()
    {
        using (var session = SafeSession.Open(NativeMethods.OnlineImage))
        {
            Equal(2u, session.Number); // O2
        }
        Equal(InvalidSession, NativeMethods.DismCloseSession(2)); // C2
    }

    private static void AFailureHasTheMessageOfDism()
    {
        var failed = Fails(() => DismException.Check(NativeMethods.DismCloseSession(7)));
        Equal(InvalidSession, failed.HResult);
        Equal(
            "An invalid DismSession handle was passed into a DISMAPI function.\r\n", failed.Message);
    }

    private static void AnUnknownFeatureIsRefusedAndNothingIsHandedOut()
    {
        using (var session = SafeSession.Open(NativeMethods.OnlineImage))
        {
            IntPtr info;
            var code = NativeMethods.DismGetFeatureInfo(session.Number, "NetFx3", null, 0, out info);
            Equal(UnknownFeature, code);
            Equal(IntPtr.Zero, info);
        }
    }

    private static void ProgressIsReportedFrom0To100()
    {
        using (var session = SafeSession.Open(NativeMethods.OnlineImage))
        {
            var seen = new List<uint>();
            NativeMethods.ProgressCallback progress = (current, total, user) => seen.Add(current);
            DismException.Check(NativeMethods.DismAddPackage(
                session.Number, @"C:\update.cab", false, false, IntPtr.Zero, progress, IntPtr.Zero));
            GC.KeepAlive(progress);
            Equal("0 25 50 75 100", string.Join(" ", seen));
        }
    }

    private static void ASafeHandleThatIsForgottenIsClosedByItsFinalizer()
    {
        Forget(() => SafeSession.Open(NativeMethods.OnlineImage));
        Equal(InvalidSession, NativeMethods.DismCloseSession(2));
    }

    private static void ASafeHandleThatIsDisposedIsClosedOnce()
    {
        using (var session = SafeSession.Open(NativeMethods.OnlineImage))
        {
            // O3: a reference to the same session. A second close would take the one above.
            Forget(() => SafeSession.Open(NativeMethods.OnlineImage).Dispose());
            IntPtr info;
            var code = NativeMethods.DismGetFeatureInfo(session.Number, "NetFx3", null, 0, out info);
            Equal(UnknownFeature, code);
        }
    }

    /// <summary>Mistake 3.</summary>
    private static void AHandleThatIsKeptAfterAFailedReloadIsClosedTwice()
    {
        // O5: there is no image at an empty path.
        Forget(() => Fails(() => new CarelessSession(@"C:\mount").Reload("")));
        Equal(1, CarelessSession.FinalizerCodes.Count);
        int code;
        CarelessSession.FinalizerCodes.TryDequeue(out code);
        Equal(InvalidSession, code);
    }

    /// <summary>
    /// Runs an action on a thread that then ends, so that no stack keeps its objects alive, and
    /// waits for their finalizers.
    /// </summary>
    private static void Forget(Action make)
    {
        Exception failed = null;
        var thread = new Thread(() =>
        {
            try
            {
                make();
            }
            catch (Exception reason)
            {
                failed = reason;
            }
        });
        thread.Start();
        thread.Join();
        if (failed != null)
        {
            throw failed;
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static DismException Fails(Action call)
    {
        try
        {
            call();
        }
        catch (DismException failed)
        {
            return failed;
        }
        throw new InvalidOperationException("it did not fail");
    }

    private static void Equal<T>(T expected, T actual)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new InvalidOperationException("expected " + expected + ", got " + actual);
        }
    }
}
