// A small binding of DismApi.dll, as programs in C# have it.

using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

/// <summary>The functions, declared as in DismApi.h.</summary>
internal static class NativeMethods
{
    internal const string OnlineImage = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}";

    [UnmanagedFunctionPointer(CallingConvention.Winapi)]
    internal delegate void ProgressCallback(uint current, uint total, IntPtr userData);

    [DllImport("DismApi", CharSet = CharSet.Unicode)]
    internal static extern int DismInitialize(int logLevel, string logFile, string scratchDirectory);

    [DllImport("DismApi")]
    internal static extern int DismShutdown();

    [DllImport("DismApi", CharSet = CharSet.Unicode)]
    internal static extern int DismOpenSession(
        string imagePath, string windowsDirectory, string systemDrive, out uint session);

    [DllImport("DismApi")]
    internal static extern int DismCloseSession(uint session);

    [DllImport("DismApi", CharSet = CharSet.Unicode)]
    internal static extern int DismAddPackage(
        uint session, string packagePath, bool ignoreCheck, bool preventPending, IntPtr cancelEvent,
        ProgressCallback progress, IntPtr userData);

    [DllImport("DismApi", CharSet = CharSet.Unicode)]
    internal static extern int DismGetFeatureInfo(
        uint session, string featureName, string identifier, int packageIdentifier,
        out IntPtr featureInfo);

    [DllImport("DismApi")]
    internal static extern int DismGetLastErrorMessage(out IntPtr errorMessage);

    [DllImport("DismApi")]
    internal static extern int DismDelete(IntPtr structure);
}

/// <summary>A call that failed.</summary>
internal sealed class DismException : Exception
{
    internal DismException(int code, string message) : base(message)
    {
        HResult = code;
    }

    /// <summary>Throws for a failure; 1 and 3010 are successes.</summary>
    internal static int Check(int code)
    {
        if (code < 0)
        {
            throw new DismException(code, LastErrorMessage());
        }
        return code;
    }

    private static string LastErrorMessage()
    {
        IntPtr message;
        if (NativeMethods.DismGetLastErrorMessage(out message) != 0 || message == IntPtr.Zero)
        {
            return "no message";
        }
        try
        {
            // A DismString is a pointer and nothing else.
            return Marshal.PtrToStringUni(Marshal.ReadIntPtr(message));
        }
        finally
        {
            NativeMethods.DismDelete(message);
        }
    }
}

/// <summary>A session that is closed once: by Dispose, or else by the finalizer.</summary>
internal sealed class SafeSession : SafeHandleZeroOrMinusOneIsInvalid
{
    private SafeSession(uint session) : base(true)
    {
        SetHandle((IntPtr)session);
    }

    internal static SafeSession Open(string image)
    {
        uint session;
        DismException.Check(NativeMethods.DismOpenSession(image, null, null, out session));
        return new SafeSession(session);
    }

    internal uint Number
    {
        get { return (uint)handle.ToInt64(); }
    }

    protected override bool ReleaseHandle()
    {
        return NativeMethods.DismCloseSession(Number) >= 0;
    }
}

/// <summary>
/// A session with mistake 3 in it: Reload closes it and opens it again. If the open fails, the old
/// number is kept, and the finalizer closes it a second time.
/// </summary>
internal sealed class CarelessSession
{
    /// <summary>What the finalizers' closes returned.</summary>
    internal static readonly System.Collections.Concurrent.ConcurrentQueue<int> FinalizerCodes =
        new System.Collections.Concurrent.ConcurrentQueue<int>();

    private uint session;

    internal CarelessSession(string image)
    {
        DismException.Check(NativeMethods.DismOpenSession(image, null, null, out session));
    }

    ~CarelessSession()
    {
        FinalizerCodes.Enqueue(NativeMethods.DismCloseSession(session));
    }

    internal void Reload(string image)
    {
        DismException.Check(NativeMethods.DismCloseSession(session));
        DismException.Check(NativeMethods.DismOpenSession(image, null, null, out session));
    }
}
